"""An increment's parent: whether it may be one, and the manifest of what it shows."""

from functools import partial

from bulkput.ebs.snapshot import SnapshotState
from bulkput.jobs.session.full_size import held_blocks, is_measured
from bulkput.jobs.state.manifest_at_hand import open_manifest
from bulkput.jobs.upload import rules
from bulkput.jobs.upload.manifest import read_manifest
from bulkput.jobs.upload.shelved_files import fetch_manifest, keep_manifest_of
from bulkput.jobs.upload.snapshot import UploadContext
from bulkput.ledger.header import LedgerPhase
from bulkput.ledger.manifest import Manifest, manifest_path
from bulkput.model.errors import ConfigError, ManifestError, Problem, SnapshotError


class LostParentError(SnapshotError):
    """An increment was begun, and what its parent shows cannot be known any more."""


_ALL_PUT = frozenset({LedgerPhase.SEALING, LedgerPhase.COMPLETED})


async def parent_of_resumed(place: UploadContext) -> Manifest | None:
    """Return the manifest of the parent that the ledger's snapshot was started with.

    None of a full snapshot, and where it is not to be had and all blocks are put already.

    Raises:
        ManifestError: the manifest that was named cannot be used.
        LostParentError: there is neither manifest nor parent any more.
        BulkputError: the parent had to be read, and could not be.
    """
    header = place.ledger.header
    if header.parent_snapshot_id is None:
        return None
    manifest = await _known_manifest(place, header.parent_snapshot_id)
    if manifest is not None or header.phase in _ALL_PUT:
        return manifest
    found = await place.snapshots.describe(header.parent_snapshot_id)
    if found is None or found.state != "completed":
        what = (
            f"its parent {header.parent_snapshot_id} does not exist any more and there is no "
            "manifest of it, so what differs from it cannot be determined"
        )
        if place.series is None:
            folder = place.ledger.folder
            what += (
                f". Name the manifest (`parent_manifest`), or give it up: bulkput abort {folder}"
            )
        raise LostParentError(header.snapshot_id or "", what)
    return await _read(place, header.parent_snapshot_id, found)


async def parent_for_new(place: UploadContext) -> Manifest | None:
    """Return the manifest of the parent that a new snapshot is to have; None of a full snapshot.

    Raises:
        ConfigError: the wanted snapshot cannot be a parent; names the rule.
        ManifestError: the manifest that was named cannot be used.
        BulkputError: the parent had to be read, and could not be.
    """
    series = place.series
    if series is None:
        wanted = place.volume.snapshot.parent
    else:
        wanted = None if series.last is None else series.last.snapshot_id
    if wanted is None:
        if series is not None:
            place.note(f"the series {series.name} begins with a full snapshot")
        return None
    found = await place.snapshots.describe(wanted)
    if series is not None:
        why = _why_not_built_on(place, found)
        if why:
            last = f"{wanted}, the last of the series {series.name}"
            place.note(f"{last}, {why}: starting a full snapshot")
            return None
    _require_fit(place, wanted, found)
    assert found is not None  # noqa: S101 - it is fit
    manifest = await _known_manifest(place, wanted)
    if manifest is None:
        return await _read(place, wanted, found)
    _require_agreement(manifest, found)
    before, now = manifest.header.source_path, place.ledger.header.source_path
    if series is not None and before not in {None, now}:
        place.note(f"the series {series.name} was of {before} before, and goes on with {now}")
    return manifest


def _why_not_built_on(place: UploadContext, found: SnapshotState | None) -> str:
    """Return why the series cannot go on from its last snapshot; empty if it can."""
    snapshot = place.volume.snapshot
    if found is None:
        return "does not exist any more"
    if found.state != "completed":
        return f"is in state {found.state}"
    if snapshot.asks_for_encryption and not found.encrypted:
        return "is not encrypted, and now encryption is requested"
    if snapshot.encrypted is False and found.encrypted:
        return "is encrypted, and now `encrypted: false` is requested"
    if snapshot.kms_key_arn not in {None, found.kms_key_id}:
        return "is encrypted with another key"
    return ""


def _require_fit(place: UploadContext, snapshot_id: str, found: SnapshotState | None) -> None:
    """Return if a child of the snapshot can be started.

    Raises:
        ConfigError: it cannot; names the rule.
    """
    if found is None:
        what = f"{snapshot_id} does not exist in {place.context.service.region} for this account"
    elif found.state != "completed":
        what = f"{snapshot_id} is in state {found.state}: a parent must be completed"
    else:
        rules.require_parent_fits(place.volume, snapshot_id, found.volume_size_gib)
        return
    raise ConfigError((Problem("snapshot.parent", what),))


async def _known_manifest(place: UploadContext, snapshot_id: str) -> Manifest | None:
    """Return the manifest that was named, or the one that is kept; None if that cannot be used."""
    context, given = place.context, place.volume.snapshot.parent_manifest
    if given is None:
        await fetch_manifest(context, snapshot_id)
    opened = partial(
        open_manifest,
        given or manifest_path(context.state_dir, snapshot_id),
        snapshot_id,
        is_named=given is not None,
        region=context.service.region,
        endpoint_url=context.endpoint_url,
    )
    try:
        return await context.workers.run(opened)
    except ManifestError as error:
        if given is not None:
            raise
        place.note(f"{error}; {snapshot_id} is read instead")
        return None


async def _read(place: UploadContext, snapshot_id: str, found: SnapshotState) -> Manifest:
    path = await read_manifest(place, snapshot_id, found)
    await keep_manifest_of(place.context, snapshot_id)
    return await place.context.workers.run(partial(Manifest.open, path))


def _require_agreement(manifest: Manifest, found: SnapshotState) -> None:
    """Return if the manifest and EC2 speak of the same snapshot.

    Raises:
        ManifestError: they do not.
    """
    header = manifest.header
    recorded = (header.volume_size_gib, header.encrypted)
    if recorded != (found.volume_size_gib, found.encrypted):
        what = f"does not match what EC2 reports about {header.snapshot_id}. Remove the file"
        raise ManifestError(manifest.path, what)
    if is_measured(found) and held_blocks(found) != manifest.present_count:
        what = (
            f"has {manifest.present_count:,} blocks, and EC2 says that {header.snapshot_id} holds "
            f"{held_blocks(found):,}. Remove the file: then the snapshot is read"
        )
        raise ManifestError(manifest.path, what)
