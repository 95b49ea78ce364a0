"""Counters of a volume whose puts are counted in several processes."""

from bulkput.jobs.lanes.protocol import BLOCK_COUNTS
from bulkput.model.latencies import merged
from bulkput.model.progress import CallCounts, Progress


def block_counts(progress: Progress) -> dict[str, int]:
    """Return what became of blocks, by the names of the fields."""
    return {name: getattr(progress, name) for name in BLOCK_COUNTS}


def add_blocks(total: Progress, now: dict[str, int], before: dict[str, int]) -> None:
    """Add what was counted between two moments."""
    for name in BLOCK_COUNTS:
        setattr(total, name, getattr(total, name) + now[name] - before[name])


def add_calls(total: Progress, now: Progress, before: Progress) -> None:
    """Add puts and failures that were counted between two moments."""
    _add(total.puts, now.puts, before.puts)
    for name, count in now.failures.items():
        more = count - before.failures.get(name, 0)
        total.failures[name] = total.failures.get(name, 0) + more
    total.in_flight += now.in_flight - before.in_flight


def _add(total: CallCounts, now: CallCounts, before: CallCounts) -> None:
    total.attempted += now.attempted - before.attempted
    total.retried += now.retried - before.retried
    total.throttled += now.throttled - before.throttled
    more = now.latencies.since(before.latencies)
    sums = merged((total.latencies, more))
    total.latencies.counts[:] = sums.counts
    total.latencies.total_s = sums.total_s
