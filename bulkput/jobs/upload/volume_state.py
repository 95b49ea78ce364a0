"""What is known of one volume while it is worked on, and the outcome that comes of it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bulkput.config.volume import VolumeSettings
from bulkput.jobs.lanes.pool import LanePool
from bulkput.jobs.session.context import JobContext
from bulkput.jobs.session.snapshots import Snapshots
from bulkput.jobs.session.source import Opening
from bulkput.ledger.header import LedgerPhase
from bulkput.ledger.ledger import Ledger
from bulkput.ledger.marks import Linear
from bulkput.ledger.state_file import remove_file
from bulkput.model.errors import BulkputError, LedgerError
from bulkput.model.events import Noted, PhaseChanged
from bulkput.model.outcome import EarlierRun, VolumeOutcome
from bulkput.model.progress import Phase, Progress
from bulkput.pipeline.retry import Retrier

if TYPE_CHECKING:
    from bulkput.jobs.lanes.copied_snapshot import CopiedSnapshot  # no upload copies


@dataclass(repr=False, eq=False)
class VolumeRun:
    """The state of one volume while it is worked on."""

    context: JobContext
    volume: VolumeSettings
    opening: Opening
    progress: Progress
    retrier: Retrier
    started_s: float
    upload_s: float = 0.0
    volume_size_gib: int | None = None
    linear: Linear | None = None
    notes: list[str] = field(default_factory=list)
    status: str = "failed"
    verified: str | None = None
    parent_snapshot_id: str | None = None
    manifest: Path | None = None
    source_format: str | None = None
    ledger_folder: Path | None = None
    snapshot_phase: str = ""
    earlier_run: EarlierRun | None = None
    earlier_snapshots: tuple[str, ...] = ()
    lanes: LanePool | None = None
    """Processes that put blocks beside this one, if there may be any."""
    copied: "CopiedSnapshot | None" = None
    """What lanes need of the source, if it is a snapshot."""
    published: dict[str, Any] = field(default_factory=dict)

    def forget_snapshot(self) -> None:
        """Begin anew: the snapshot so far is an earlier run's, and not the answer."""
        self.linear, self.manifest, self.verified, self.status = None, None, None, "failed"
        self.progress.snapshot_id = None
        self.progress.blocks_resumed = 0

    @property
    def snapshots(self) -> Snapshots:
        """EC2's calls about snapshots."""
        return self.context.snapshots(self.retrier, self.volume.label)

    def enter(self, phase: Phase, detail: str = "") -> None:
        """Report that a phase begins."""
        self.progress.phase = phase
        self.context.observer.on_event(PhaseChanged(self.volume.label, phase, detail))

    def note_phase(self, ledger: Ledger, phase: LedgerPhase) -> None:
        """Note in the ledger how far the snapshot has come, durably. Blocks for two flushes."""
        ledger.enter(phase, now_unix_s=self.context.clock.unix_s())

    def note(self, text: str) -> None:
        """Report to the user, now and in the outcome."""
        self.notes.append(text)
        self.context.observer.on_event(Noted(self.volume.label, text))

    def drop_manifest(self, path: Path) -> None:
        """Remove a manifest that is wrong; that it cannot be removed hides no other error."""
        self.manifest = None
        try:
            remove_file(path)
        except (OSError, LedgerError) as error:
            self.note(f"{path} is wrong and could not be removed ({error}): remove it")

    def outcome(self, error: BulkputError | None = None) -> VolumeOutcome:
        """Return what has become of the volume."""
        progress = self.progress
        return VolumeOutcome(
            volume=self.volume.label,
            source=self.volume.source.shown,
            source_format=self.source_format,
            status=self.status if error is None else "failed",
            snapshot_id=progress.snapshot_id,
            parent_snapshot_id=self.parent_snapshot_id,
            volume_size_gib=self.volume_size_gib,
            checksum=None if self.linear is None else self.linear.checksum_b64,
            elapsed_s=self.context.clock.monotonic_s() - self.started_s,
            upload_s=self.upload_s,
            blocks=progress.block_counts,
            puts=progress.put_counts,
            verified=self.verified,
            manifest=None if self.manifest is None else str(self.manifest),
            earlier_run=self.earlier_run,
            earlier_snapshots=self.earlier_snapshots,
            published=dict(self.published),
            notes=tuple(self.notes),
            error=None if error is None else str(error),
            exit_code=0 if error is None else error.status,
            cause=error,
            snapshot_phase=self.snapshot_phase,
            ledger_folder=self.ledger_folder,
        )
