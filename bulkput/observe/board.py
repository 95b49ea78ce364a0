"""The state behind every display: which volumes run, and the figures of each.

Owns the folding of events and samples into figures; apart from whoever prints them, and pure: time
is handed in.
"""

from dataclasses import dataclass, field

from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.events import PhaseChanged, VolumeEnded, VolumeStarted
from bulkput.model.progress import Phase, Progress
from bulkput.observe.job_figures import JobFigures, JobMeter, only_calls, summed
from bulkput.observe.rate import RateMeter
from bulkput.observe.run_events import RunEvent, RunStarted

PUT_WINDOW_S = 5.0
"""Long enough that single answers do not show, short enough to see a throttle's effect."""
LEFT_WINDOW_S = 30.0
"""The time left jumps less over a longer window: zeros pass 40 times as fast as puts."""

_MIB_PER_BLOCK = BLOCK_SIZE_BYTES / (1 << 20)
_UNMEASURED = frozenset(
    {
        Phase.PREPARING,
        Phase.READING_PARENT,
        Phase.STARTING,
        Phase.SEALING,
        Phase.WAITING,
        Phase.PUBLISHING,
        Phase.DONE,
        Phase.FAILED,
    }
)
"""Phases in which no block moves: they have a duration, not a rate."""
_READING_BACK = frozenset({Phase.READING, Phase.COMPARING, Phase.VERIFYING, Phase.DOWNLOADING})
"""Phases that read, and do not put."""


@dataclass(frozen=True, repr=False, eq=False)
class Figures:
    """One volume at one moment, ready to be shown."""

    progress: Progress = field(repr=False)
    """The counters themselves, which go on."""
    volume: str
    phase: Phase
    phase_s: float
    """How long the phase has lasted."""
    fraction: float
    """Blocks considered (compared or restored, while reading back) of all, 0 to 1."""
    puts_per_s: float
    mib_per_s: float
    in_flight: int
    retried: int
    throttled: int
    left_s: float | None
    """Estimated time until the phase's last block; None where nothing is known."""

    @property
    def measured(self) -> bool:
        """Whether blocks move in this phase, so that rates mean something."""
        return self.phase not in _UNMEASURED

    @property
    def reading_back(self) -> bool:
        """Whether blocks are read, and none is put."""
        return self.phase in _READING_BACK


@dataclass(repr=False, eq=False)
class _Volume:
    """One volume's counters and the meters over them."""

    progress: Progress
    phase: Phase
    since_s: float
    moved: RateMeter = field(default_factory=lambda: RateMeter(PUT_WINDOW_S))
    considered: RateMeter = field(default_factory=lambda: RateMeter(LEFT_WINDOW_S))

    def enter(self, phase: Phase, now_s: float) -> None:
        """Begin a phase; rates of the one before do not carry over."""
        if phase is not self.phase:
            self.phase, self.since_s = phase, now_s
            self.moved, self.considered = RateMeter(PUT_WINDOW_S), RateMeter(LEFT_WINDOW_S)

    def figures(self, now_s: float) -> Figures:
        """Sample the counters and return what they say."""
        progress = self.progress
        self.enter(progress.phase, now_s)
        reading_back = self.phase in _READING_BACK
        done, moved = _counts(progress, self.phase)
        self.moved.sample(now_s, moved)
        self.considered.sample(now_s, done)
        calls = progress.gets if reading_back else progress.puts
        total = progress.blocks_total
        if self.phase is Phase.VERIFYING:
            total = progress.blocks_to_verify or total
        rate_blocks_per_s = self.considered.rate_per_s()
        measured = self.phase not in _UNMEASURED
        moved_per_s = self.moved.rate_per_s() if measured else 0.0
        return Figures(
            progress=progress,
            volume=progress.volume,
            phase=self.phase,
            phase_s=max(0.0, now_s - self.since_s),
            fraction=min(1.0, done / total) if total else 0.0,
            puts_per_s=0.0 if reading_back else moved_per_s,
            mib_per_s=moved_per_s * _MIB_PER_BLOCK,
            in_flight=progress.in_flight,
            retried=calls.retried,
            throttled=calls.throttled,
            left_s=max(0, total - done) / rate_blocks_per_s
            if measured and rate_blocks_per_s > 0
            else None,
        )


def _counts(progress: Progress, phase: Phase) -> tuple[int, int]:
    """Return the blocks that are done in ``phase``, and those that were moved."""
    if phase is Phase.VERIFYING:
        return progress.blocks_verified, progress.blocks_verified
    if phase is Phase.READING:
        return progress.blocks_read, progress.blocks_read
    if phase is Phase.DOWNLOADING:
        return progress.blocks_restored, progress.blocks_restored
    if phase is Phase.COMPARING:
        return progress.blocks_considered, progress.blocks_considered
    return progress.blocks_considered, progress.blocks_put


class Board:
    """All volumes of a job, in the order in which they were taken up."""

    def __init__(self) -> None:
        self._active: dict[str, _Volume] = {}
        self._ended = Progress("")
        """The sums of the volumes that have ended, and the calls of attempts that are repeated."""
        self._job: JobMeter | None = None
        self.volume_count = 0
        """Of the whole job, once it has begun."""
        self.completed = 0
        self.failed = 0

    def apply(self, event: RunEvent, now_s: float) -> None:
        """Fold one event in; events of unknown volumes change nothing."""
        if isinstance(event, RunStarted):
            self.volume_count = event.volume_count
            self._job = JobMeter(now_s)
        elif isinstance(event, VolumeStarted):
            progress = event.progress
            repeated = self._active.get(progress.volume)
            if repeated is not None and repeated.progress is not progress:
                self._ended = summed((self._ended, only_calls(repeated.progress)))
            self._active[progress.volume] = _Volume(progress, progress.phase, now_s)
        elif isinstance(event, PhaseChanged):
            volume = self._active.get(event.volume)
            if volume is not None:
                volume.enter(event.phase, now_s)
        elif isinstance(event, VolumeEnded):
            volume = self._active.pop(event.outcome.volume, None)
            if volume is not None:
                self._ended = summed((self._ended, volume.progress))
            if event.outcome.exit_code:
                self.failed += 1
            else:
                self.completed += 1

    @property
    def is_active(self) -> bool:
        """Whether a volume has started and not ended."""
        return bool(self._active)

    @property
    def unfinished(self) -> list[Progress]:
        """The counters of every volume that has a snapshot and has not ended."""
        active = [volume.progress for volume in self._active.values()]
        return [progress for progress in active if progress.snapshot_id is not None]

    @property
    def total(self) -> Progress:
        """The sums of all volumes, ended ones included."""
        return summed((self._ended, *(volume.progress for volume in self._active.values())))

    def figures(self, now_s: float) -> list[Figures]:
        """Return the figures of every volume that has started and not ended."""
        return [volume.figures(now_s) for volume in self._active.values()]

    def job_figures(self, now_s: float) -> JobFigures | None:
        """Return the figures of the job; None before it begins, and of a single volume."""
        if self._job is None or self.volume_count < 2:
            return None
        return self._job.figures(
            self.total,
            now_s,
            volume_count=self.volume_count,
            ended=(self.completed, self.failed),
            running=len(self._active),
        )
