"""A job as a whole: all volumes' counters in one, and what they amount to. Pure."""

from collections.abc import Iterable
from dataclasses import fields
from typing import NamedTuple

from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.latencies import merged
from bulkput.model.progress import CallCounts, Progress
from bulkput.observe.rate import RateMeter

RATE_WINDOW_S = 5.0
LEFT_WINDOW_S = 60.0
"""Volumes begin and end; over a minute the time left does not jump with each."""

_MIB_PER_BLOCK = BLOCK_SIZE_BYTES / (1 << 20)
_SUMMED = tuple(
    each.name
    for each in fields(Progress)
    if each.name.startswith("blocks_") or each.name in {"in_flight", "bytes_in_flight_max"}
)


def summed(several: Iterable[Progress]) -> Progress:
    """Return one volume's counters that are the sums of several, of no name and no phase."""
    volumes = list(several)
    total = Progress("")
    for name in _SUMMED:
        setattr(total, name, sum(getattr(each, name) for each in volumes))
    total.puts = _calls(each.puts for each in volumes)
    total.gets = _calls(each.gets for each in volumes)
    for each in volumes:
        for failure, count in list(each.failures.items()):
            total.failures[failure] = total.failures.get(failure, 0) + count
    return total


def only_calls(progress: Progress) -> Progress:
    """Return what an attempt sent, without the blocks: those are the next attempt's."""
    return Progress("", puts=progress.puts, gets=progress.gets, failures=progress.failures)


def _calls(several: Iterable[CallCounts]) -> CallCounts:
    calls = list(several)
    return CallCounts(
        attempted=sum(each.attempted for each in calls),
        retried=sum(each.retried for each in calls),
        throttled=sum(each.throttled for each in calls),
        latencies=merged(each.latencies for each in calls),
    )


class JobFigures(NamedTuple):
    """All volumes of a job at one moment, ready to be shown."""

    volume_count: int
    completed: int
    failed: int
    running: int
    blocks_done: int
    """Put, vouched for or skipped."""
    blocks_total: int
    """Of the volumes that have begun."""
    fraction: float
    """Of the whole job, 0 to 1; volumes that wait count as the mean of those that have begun."""
    puts_per_s: float
    mib_per_s: float
    in_flight: int
    elapsed_s: float
    left_s: float | None

    @property
    def bytes_done(self) -> int:
        """Of the sources."""
        return self.blocks_done * BLOCK_SIZE_BYTES

    @property
    def waiting(self) -> int:
        """Volumes that have not begun."""
        return max(0, self.volume_count - self.completed - self.failed - self.running)


class JobMeter:
    """Samples the sums of a job's counters."""

    def __init__(self, started_s: float) -> None:
        self._started_s = started_s
        self._put = RateMeter(RATE_WINDOW_S)
        self._considered = RateMeter(LEFT_WINDOW_S)

    def figures(
        self,
        total: Progress,
        now_s: float,
        *,
        volume_count: int,
        ended: tuple[int, int],
        running: int,
    ) -> JobFigures:
        """Sample the counters and return what they say.

        Args:
            total: The sums of all volumes that have begun, also of those that have ended.
            now_s: Monotonic.
            volume_count: All volumes of the job.
            ended: How many are completed, and how many failed.
            running: How many have begun and not ended.
        """
        completed, failed = ended
        done = total.blocks_considered
        self._put.sample(now_s, total.blocks_put)
        self._considered.sample(now_s, done)
        begun = completed + failed + running
        scale = volume_count / begun if begun else 1.0
        expected = max(done, total.blocks_total * max(1.0, scale))
        rate_blocks_per_s = self._considered.rate_per_s()
        puts_per_s = self._put.rate_per_s()
        return JobFigures(
            volume_count=volume_count,
            completed=completed,
            failed=failed,
            running=running,
            blocks_done=done,
            blocks_total=total.blocks_total,
            fraction=done / expected if expected else 0.0,
            puts_per_s=puts_per_s,
            mib_per_s=puts_per_s * _MIB_PER_BLOCK,
            in_flight=total.in_flight,
            elapsed_s=now_s - self._started_s,
            left_s=(expected - done) / rate_blocks_per_s if rate_blocks_per_s > 0 else None,
        )
