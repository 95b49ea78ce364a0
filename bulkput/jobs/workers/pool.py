"""Where a job's volumes are uploaded: in this process, or in worker processes of their own.

Owns how many processes there are, which volume goes where, and each one's part of the account's
puts. Knows nothing of what an upload is.
"""

import asyncio
import contextlib
import math
import os
from collections.abc import AsyncIterator, Awaitable, Callable

from bulkput.config.settings import JobSettings
from bulkput.jobs.session.context import JobContext
from bulkput.jobs.session.rate_limits import GetRateLimits, RateLimits
from bulkput.jobs.session.threads import worker_count
from bulkput.jobs.upload.volume import upload_volume
from bulkput.jobs.workers.protocol import WorkerInit
from bulkput.jobs.workers.worker_process import WorkerProcess
from bulkput.model.outcome import VolumeOutcome
from bulkput.model.progress import Phase
from bulkput.pace.fair_share import MEASURE_S, FairShare

PROCESS_PUTS_PER_S = 1500.0
"""What one process carries. Over TLS a put takes its event loop, which is one thread, 0.51 to 0.59
ms (1 GiB against nginx, Python 3.11, EPYC): 1700 to 1950 puts/s. A seventh of that is left for the
turns of the GIL that hashing threads take. Over http it would be 3400; that is for rehearsals."""

_STOP_MARGIN_S = 15.0
"""Beyond the grace of the puts under way: DeleteSnapshot, if on_failure asks for it, has 10 s."""

_HASH_WORKERS_MIN = 2
"""In a worker process: one thread reads while the other hashes."""

_PUTTING = frozenset({Phase.PREPARING, Phase.STARTING, Phase.UPLOADING})
"""Phases in which a volume puts or is about to."""

Upload = Callable[[int], Awaitable[VolumeOutcome]]
"""Uploads the volume at this position of the settings' volumes."""


def process_count(rate_limits: RateLimits, *, places: int, cpus: int) -> int:
    """Return in how many processes a job's volumes are uploaded; 1 is this one alone.

    Args:
        rate_limits: what the service or the user allows.
        places: volumes uploaded at the same time.
        cpus: that this process may run on.
    """
    wanted_puts_per_s = min(
        rate_limits.account_puts_per_s, places * rate_limits.snapshot_puts_per_s
    )
    return max(1, min(places, cpus, math.ceil(wanted_puts_per_s / PROCESS_PUTS_PER_S)))


@contextlib.asynccontextmanager
async def open_uploads(context: JobContext) -> AsyncIterator[Upload]:
    """Give what uploads one volume of the job; ``context.places`` at a time may be asked for."""
    cpus = len(os.sched_getaffinity(0))
    count = process_count(context.rate_limits, places=context.places, cpus=cpus)
    if count == 1:
        volumes = context.settings.volumes
        yield lambda position: upload_volume(context, volumes[position])
        return
    processes = _Processes(context, count)
    dividing = asyncio.create_task(processes.keep_dividing())
    try:
        yield processes.upload
    finally:
        dividing.cancel()
        # Not suppressed: a cancellation of the job itself that comes in this moment must count.
        await asyncio.gather(dividing, return_exceptions=True)


class _Processes:
    """At most ``count`` worker processes, each for as long as it has a volume.

    While no more volumes run than processes may, each has a process of its own.
    """

    def __init__(self, context: JobContext, count: int) -> None:
        self._context = context
        self._count = count
        self._workers: list[WorkerProcess] = []
        self._division = FairShare(context.rate_limits.account_puts_per_s)
        self._hired = WorkerInit(
            settings=divided_settings(context.settings, count, context.get_rate_limits),
            server=context.server,
            # Until the first division, which follows at once.
            rate_limits=context.rate_limits._replace(
                account_puts_per_s=context.rate_limits.account_puts_per_s / context.places
            ),
        )

    async def upload(self, position: int) -> VolumeOutcome:
        """Return what became of the volume at ``position``, whatever became of its process.

        After a cancellation the process that had the volume is gone.
        """
        context = self._context
        worker = self._worker()
        outcome = worker.take(position, context.settings.volumes[position])
        self._divide()
        try:
            return await outcome
        except asyncio.CancelledError:
            await worker.stop(context.settings.tuning.shutdown_grace_s + _STOP_MARGIN_S)
            raise
        finally:
            self._divide()
            if not worker.volumes and worker in self._workers:
                self._workers.remove(worker)
                await worker.close()

    async def keep_dividing(self) -> None:
        """Give each process its part of the account's puts, again and again, for ever."""
        while True:
            await self._context.clock.sleep(MEASURE_S / 2)
            self._divide()

    def _worker(self) -> WorkerProcess:
        """Return the process for the next volume."""
        working = [worker for worker in self._workers if not worker.is_over]
        if len(working) >= self._count:
            return min(working, key=lambda worker: len(worker.volumes))
        context = self._context
        worker = WorkerProcess(self._hired, observer=context.observer, clock=context.clock)
        self._workers.append(worker)
        return worker

    def _divide(self) -> None:
        putting = {
            worker: {
                label: progress.puts.attempted
                for label, progress in worker.volumes.items()
                if progress.phase in _PUTTING
            }
            for worker in self._workers
        }
        sent = {label: count for each in putting.values() for label, count in each.items()}
        shares = self._division.divide(self._context.clock.monotonic_s(), sent)
        for worker, labels in putting.items():
            if labels:
                worker.allow(sum(shares[label] for label in labels))


def divided_settings(settings: JobSettings, count: int, gets: GetRateLimits) -> JobSettings:
    """Return the settings of each of ``count`` processes; the byte budget is each volume's own."""
    in_all = worker_count(settings.tuning)
    tuning = settings.tuning.model_copy(
        update={
            "hash_workers": max(in_all // count, min(in_all, _HASH_WORKERS_MIN)),
            "gets_per_s_snapshot": gets.snapshot_gets_per_s,
            "gets_per_s_account": gets.account_gets_per_s / count,
        }
    )
    return settings.model_copy(update={"tuning": tuning})
