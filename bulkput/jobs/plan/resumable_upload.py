"""What an earlier run left of an upload: its ledger, found without asking any service.

What a run learns from EC2 is assumed here: that the snapshot of an unfinished upload is pending.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bulkput.config.settings import JobSettings
from bulkput.config.volume import VolumeSettings
from bulkput.ebs.snapshot import SnapshotState
from bulkput.jobs.plan.parent import KnownParent, parent_of_resumed
from bulkput.jobs.state.upload_at_hand import existing_upload
from bulkput.jobs.upload import rules
from bulkput.jobs.upload.resume_decision import ResumeAction, decide_resume, trusts, why_read
from bulkput.ledger.header import LedgerHeader
from bulkput.ledger.header_file import read_header
from bulkput.ledger.ledger import Ledger
from bulkput.model.zeros import ZeroPolicy
from bulkput.source.source import Source

_ALL_PUT = frozenset({ResumeAction.WAIT, ResumeAction.REPORT_COMPLETED})
_GOES_ON = _ALL_PUT | {ResumeAction.RESUME}


@dataclass(frozen=True)
class Earlier:
    """A ledger, and what a run would make of it."""

    folder: Path
    header: LedgerHeader
    action: ResumeAction
    note: str
    """For the user; may be empty."""
    same_source: bool
    trusted: bool
    """What the ledger vouches for is not read again."""
    parent: KnownParent | None
    """That the snapshot was started with."""

    @property
    def goes_on(self) -> bool:
        """Whether the run takes this snapshot up, and does not start another."""
        return self.action in _GOES_ON

    @property
    def only_waits(self) -> bool:
        """Whether everything is put and sealed."""
        return self.action in _ALL_PUT

    @property
    def notes(self) -> list[str]:
        """What the user should know."""
        notes = [self.note] if self.note else []
        if self.goes_on and not self.only_waits and not self.same_source:
            notes.append(why_read(self.header.source_identity))
        return notes

    def zeros(self, volume: VolumeSettings) -> ZeroPolicy:
        """Return the policy to go on with: what an unknown run began is put completely."""
        return rules.zeros_to_go_on_with(volume, self.header.zero_policy)

    def open(self, policy: ZeroPolicy) -> Ledger:
        """Return the ledger for reading, to be closed by the caller; takes no lock.

        Raises:
            LedgerError: it is damaged.
        """
        ledger = Ledger.view(self.folder)
        if self.trusted and self.header.zero_policy is policy:
            ledger.trust_unknown()
        return ledger


def find_earlier(
    settings: JobSettings,
    volume: VolumeSettings,
    source: Source,
    state_dir: Path,
    environ: Mapping[str, str],
) -> Earlier | None:
    """Return what an earlier run of the same upload left; None if it is the first.

    Raises:
        LedgerError: the ledger, or the state folder, cannot be read.
    """
    folder = existing_upload(settings, volume, source.path, state_dir, environ)
    if folder is None:
        return None
    header = read_header(folder)
    same_source = dict(header.source_identity) == source.identity.as_dict()
    parent = parent_of_resumed(volume, state_dir, header)
    parent_stop, parent_gib = (0, 0) if parent is None else (parent.stop, parent.volume_size_gib)
    decision = decide_resume(
        header,
        _assumed_pending(header),
        block_count=rules.blocks_to_consider(source.block_count, parent_stop),
        volume_size_gib=rules.volume_size_gib(volume, source.size_bytes, parent_gib),
        parent_snapshot_id=header.parent_snapshot_id,
        wait=volume.snapshot.wait,
    )
    return Earlier(
        folder=folder,
        header=header,
        action=decision.action,
        note=decision.note,
        same_source=same_source,
        trusted=trusts(volume.resume, source, header.source_identity),
        parent=parent,
    )


def _assumed_pending(header: LedgerHeader) -> SnapshotState:
    return SnapshotState(
        state="pending",
        state_message=None,
        progress=None,
        encrypted=header.encrypted,
        kms_key_id=None,
        start_unix_s=header.created_unix_s,
        volume_size_gib=header.volume_size_gib,
    )
