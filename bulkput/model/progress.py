"""Counters of one volume's way: written by the pipeline, read by whoever displays or reports.

Plain integers changed from one event loop only, because 1000 puts a second leave no room for an
event object each.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class Phase(StrEnum):
    """Where a volume is on its way."""

    PREPARING = "preparing"
    READING_PARENT = "reading parent"
    STARTING = "starting"
    UPLOADING = "uploading"
    SEALING = "sealing"
    WAITING = "waiting"
    VERIFYING = "verifying"
    DOWNLOADING = "downloading"
    DONE = "done"
    FAILED = "failed"


@dataclass
class Progress:
    """What has happened to one volume so far; counts are blocks or puts."""

    volume: str
    phase: Phase = Phase.PREPARING
    snapshot_id: str | None = None
    blocks_total: int = 0
    """All blocks of the source, holes included."""
    blocks_put: int = 0
    """Acknowledged in this run."""
    blocks_resumed: int = 0
    """Acknowledged by an earlier run and vouched for by the ledger."""
    blocks_skipped_zero: int = 0
    blocks_skipped_hole: int = 0
    blocks_unchanged: int = 0
    """Equal to the parent's."""
    blocks_to_verify: int = 0
    """0: all."""
    blocks_verified: int = 0
    """Compared, or known to be zeros on both sides."""
    blocks_restored: int = 0
    """Settled at the destination of a download: got, found there, or zeros."""
    puts_attempted: int = 0
    """Puts that left, repeated ones included."""
    puts_retried: int = 0
    puts_throttled: int = 0
    gets_attempted: int = 0
    """Gets that left, repeated ones included."""
    gets_retried: int = 0
    gets_throttled: int = 0
    in_flight: int = 0
    in_flight_limit: int = 0
    bytes_in_flight_max: int = 0
    """The most mapped or buffered bytes held at any moment."""
    failures: dict[str, int] = field(default_factory=dict)
    """Failed attempts by the name of their class."""

    @property
    def attempts(self) -> int:
        """The name of ``puts_attempted`` until the next release."""
        return self.puts_attempted

    @property
    def retried(self) -> int:
        """The name of ``puts_retried`` until the next release."""
        return self.puts_retried

    @property
    def throttled(self) -> int:
        """The name of ``puts_throttled`` until the next release."""
        return self.puts_throttled

    @property
    def blocks_considered(self) -> int:
        """Blocks that are settled: put, vouched for, or skipped for a reason."""
        return (
            self.blocks_put
            + self.blocks_resumed
            + self.blocks_skipped_zero
            + self.blocks_skipped_hole
            + self.blocks_unchanged
        )

    @property
    def block_counts(self) -> dict[str, int]:
        """What became of the blocks, as an outcome tells it."""
        return {
            "total": self.blocks_total,
            "put": self.blocks_put,
            "resumed": self.blocks_resumed,
            "skipped_zero": self.blocks_skipped_zero,
            "skipped_hole": self.blocks_skipped_hole,
            "unchanged": self.blocks_unchanged,
        }

    @property
    def put_counts(self) -> dict[str, int]:
        """What became of the puts, as an outcome tells it."""
        return {
            "attempts": self.puts_attempted,
            "retried": self.puts_retried,
            "throttled": self.puts_throttled,
        }

    @property
    def get_counts(self) -> dict[str, int]:
        """What became of the gets, as an outcome tells it."""
        return {
            "attempts": self.gets_attempted,
            "retried": self.gets_retried,
            "throttled": self.gets_throttled,
        }
