"""The volumes of a job in their order: which is started when, and which are not started any more.

Owns order, `on_error` and `max_duration`. How a volume is uploaded is its caller's.
"""

import asyncio
import stat
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Literal

from bulkput.config.volume import VolumeSettings
from bulkput.jobs.session.context import JobContext
from bulkput.model.duration import format_duration
from bulkput.model.events import Event, Observer, VolumeEnded, VolumeStarted
from bulkput.model.exit_code import ExitCode
from bulkput.model.outcome import NOT_STARTED, STOPPED, VolumeOutcome
from bulkput.model.progress import Progress
from bulkput.pipeline.cause import first_cause

Upload = Callable[[int], Awaitable[VolumeOutcome]]
"""Uploads the volume at this position of the settings' volumes."""

Order = Literal["file", "size", "size-desc"]


def start_order(order: Order, sizes_bytes: Sequence[int | None]) -> list[int]:
    """Return the positions of volumes in the order in which they are to be started.

    Args:
        order: As configured.
        sizes_bytes: Of the sources, None where it is not known; such come last.
    """
    positions = range(len(sizes_bytes))
    if order == "file":
        return list(positions)
    sign = 1 if order == "size" else -1

    def key(position: int) -> tuple[bool, int]:
        size_bytes = sizes_bytes[position]
        return size_bytes is None, sign * (size_bytes or 0)

    return sorted(positions, key=key)


def source_size_bytes(volume: VolumeSettings) -> int | None:
    """Return the size of a source's file or device, without opening the image in it. Blocks."""
    path = volume.source.path
    if not isinstance(path, Path):
        return None
    try:
        status = path.stat()
        if stat.S_ISREG(status.st_mode):
            return status.st_size
        if stat.S_ISBLK(status.st_mode):
            with path.open("rb") as device:
                return device.seek(0, 2)
    except OSError:
        return None
    return None


class LastProgress:
    """An observer that remembers each volume's counters, for one that is stopped."""

    def __init__(self, observer: Observer) -> None:
        """Pass everything on to ``observer``."""
        self._observer = observer
        self._progress: dict[str, Progress] = {}

    def of(self, volume: str) -> Progress:
        """Return the counters of a volume; fresh ones if it never started."""
        return self._progress.get(volume) or Progress(volume)

    def on_event(self, event: Event) -> None:
        """Remember and pass on."""
        if isinstance(event, VolumeStarted):
            self._progress[event.progress.volume] = event.progress
        elif isinstance(event, VolumeEnded):
            self._progress.pop(event.outcome.volume, None)
        self._observer.on_event(event)


class VolumeQueue:
    """Uploads the volumes of one job."""

    def __init__(self, context: JobContext, upload: Upload, last: LastProgress) -> None:
        """Begin the time that the job may take.

        Args:
            context: The job's; ``context.places`` volumes are uploaded at a time.
            upload: Uploads one.
            last: Hears of all events.
        """
        self._context = context
        self._upload = upload
        self._last = last
        self._places = asyncio.Semaphore(context.places)
        self._failed: str | None = None
        limit_s = context.settings.max_duration_s
        self._deadline_s = None if limit_s is None else context.clock.monotonic_s() + limit_s

    async def run(self) -> tuple[VolumeOutcome, ...]:
        """Return the outcomes in the order of the volumes, of those not started too.

        Raises:
            BulkputError: what no other volume would be spared; those under way are cancelled.
        """
        settings, workers = self._context.settings, self._context.workers
        sizes: Sequence[int | None] = [None] * len(settings.volumes)
        if settings.order != "file":
            sizes = await workers.run(lambda: list(map(source_size_bytes, settings.volumes)))
        tasks: dict[int, asyncio.Task[VolumeOutcome]] = {}
        try:
            async with asyncio.TaskGroup() as volumes:
                for position in start_order(settings.order, sizes):
                    tasks[position] = volumes.create_task(self._one(position))
        except BaseExceptionGroup as failures:  # of the whole job: the others would meet it too
            raise first_cause(failures) from failures
        return tuple(tasks[position].result() for position in range(len(settings.volumes)))

    async def _one(self, position: int) -> VolumeOutcome:
        async with self._places:
            reason = self._reason_not_to_start()
            if reason is not None:
                return self._unfinished(position, NOT_STARTED, f"not started, because {reason}")
            try:
                async with asyncio.timeout(self._left_s()) as limit:
                    outcome = await self._upload(position)
            except TimeoutError:
                if not limit.expired():
                    raise
                return self._unfinished(position, STOPPED, f"stopped, because {self._time_is_up()}")
            if outcome.exit_code:
                self._failed = self._failed or outcome.volume
            return outcome

    def _left_s(self) -> float | None:
        if self._deadline_s is None:
            return None
        return max(0.0, self._deadline_s - self._context.clock.monotonic_s())

    def _reason_not_to_start(self) -> str | None:
        if self._left_s() == 0:
            return self._time_is_up()
        if self._failed is not None and self._context.settings.on_error == "stop":
            return f"{self._failed} failed and on_error is stop"
        return None

    def _time_is_up(self) -> str:
        limit_s = self._context.settings.max_duration_s or 0.0
        return f"max_duration of {format_duration(limit_s)} is over"

    def _unfinished(self, position: int, status: str, why: str) -> VolumeOutcome:
        volume = self._context.settings.volumes[position]
        progress = self._last.of(volume.label)
        outcome = VolumeOutcome(
            volume=volume.label,
            source=volume.source.shown,
            status=status,
            snapshot_id=progress.snapshot_id,
            blocks=progress.block_counts,
            puts=progress.put_counts,
            error=f"{why}. The same command resumes it",
            exit_code=int(ExitCode.TEMPORARY),
        )
        self._last.on_event(VolumeEnded(outcome))
        return outcome
