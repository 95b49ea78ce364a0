"""What is known of an increment's parent without asking any service: for a plan."""

from dataclasses import dataclass
from pathlib import Path

from bulkput.config.volume import VolumeSettings
from bulkput.jobs.upload import rules
from bulkput.ledger.header import LedgerHeader
from bulkput.ledger.manifest import Manifest, manifest_path
from bulkput.ledger.series import find_generation
from bulkput.model.errors import ManifestError


@dataclass(frozen=True)
class KnownParent:
    """A parent, and its manifest if that can be used."""

    snapshot_id: str
    manifest: Manifest | None
    note: str
    """Why there is no manifest, for the user; else empty."""

    @property
    def stop(self) -> int:
        """One past the parent's last block, as far as that is known."""
        return 0 if self.manifest is None else self.manifest.stop

    @property
    def encrypted(self) -> bool | None:
        """Whether the parent is, as far as that is known."""
        return None if self.manifest is None else self.manifest.header.encrypted

    @property
    def volume_size_gib(self) -> int:
        """Of the parent's volume, as far as that is known."""
        return 0 if self.manifest is None else self.manifest.header.volume_size_gib


def parent_of_resumed(
    volume: VolumeSettings, state_dir: Path, header: LedgerHeader
) -> KnownParent | None:
    """Return the parent of the snapshot that a ledger is of; None of a full snapshot.

    Raises:
        ManifestError: the manifest that the settings name cannot be used.
    """
    return _known(volume, state_dir, header.parent_snapshot_id)


def parent_for_new(
    volume: VolumeSettings, state_dir: Path, *, endpoint_url: str | None, region: str | None
) -> KnownParent | None:
    """Return the parent that a new snapshot would have; None of a full snapshot.

    Args:
        volume: Its settings.
        state_dir: Where manifests and series are.
        endpoint_url: The one URL of EBS and EC2, or ``embedded``; None for AWS's own.
        region: Of the series; None where it is not known.

    Raises:
        ConfigError: the volume would be smaller than its parent's.
        LedgerError: the series' state is damaged.
        ManifestError: the manifest that the settings name cannot be used.
    """
    wanted = volume.snapshot.parent
    if volume.series is not None:
        last = find_generation(state_dir, volume.series, endpoint_url=endpoint_url, region=region)
        wanted = None if last is None else last.snapshot_id
    parent = _known(volume, state_dir, wanted)
    if parent is not None:
        rules.require_parent_fits(volume, parent.snapshot_id, parent.volume_size_gib)
    return parent


def _known(volume: VolumeSettings, state_dir: Path, snapshot_id: str | None) -> KnownParent | None:
    if snapshot_id is None:
        return None
    given = volume.snapshot.parent_manifest
    path = given or manifest_path(state_dir, snapshot_id)
    try:
        manifest = Manifest.open(path, is_named=given is not None)
        if manifest.header.snapshot_id != snapshot_id:
            what = f"is the manifest of {manifest.header.snapshot_id}, not of {snapshot_id}"
            raise ManifestError(path, what)  # noqa: TRY301 - as if it could not be opened
    except ManifestError as error:
        if given is not None:
            raise
        note = (
            f"{error}. So every block counts as put; a run reads {snapshot_id} first, and puts "
            "only what differs"
        )
        return KnownParent(snapshot_id, None, note)
    return KnownParent(snapshot_id, manifest, "")
