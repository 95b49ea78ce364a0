"""Two snapshots are compared by their lists of blocks; no function of the library."""

from bulkput.jobs.diff import ChangedRange, Comparison, compare_snapshots

__all__ = ["ChangedRange", "Comparison", "compare_snapshots"]
