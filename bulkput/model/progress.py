"""Counters of one volume's way: written by the pipeline, read by whoever displays or reports.

Plain integers changed from one event loop only, because 1000 puts a second leave no room for an
event object each.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from bulkput.model.disk_map import DiskMap
from bulkput.model.latencies import Latencies


class Phase(StrEnum):
    """Where a volume is on its way."""

    PREPARING = "preparing"
    READING_PARENT = "reading parent"
    STARTING = "starting"
    READING = "reading"
    """For a forecast."""
    COMPARING = "comparing"
    UPLOADING = "uploading"
    SEALING = "sealing"
    WAITING = "waiting"
    VERIFYING = "verifying"
    DOWNLOADING = "downloading"
    PUBLISHING = "publishing"
    DONE = "done"
    FAILED = "failed"


class RateLimiter(StrEnum):
    """What decides how fast calls start."""

    CONFIGURATION = "configuration"
    """A rate that is configured."""
    SNAPSHOT_QUOTA = "snapshot_quota"
    """The service's quota of one snapshot."""
    ACCOUNT_QUOTA = "account_quota"
    """The same of the account, or this volume's part of it."""
    SNAPSHOT_THROTTLES = "snapshot_throttles"
    """A lower rate, because the service refuses more for this snapshot."""
    ACCOUNT_THROTTLES = "account_throttles"
    IN_FLIGHT_MAX = "in_flight_max"
    """The most calls that configuration and memory allow in flight."""
    LINK = "link"
    """More calls in flight would bring no more: the link is full, or the service answers slowly."""
    PROCESSOR = "processor"
    """The event loop has no more of a processor."""
    SOURCE = "source"
    """Nothing waits to be sent: reading, decoding, hashing or listing is slower."""
    WINDOW = "window"
    """No put may start at this time of day."""


@dataclass
class CallCounts:
    """Calls of one kind: puts, or gets."""

    attempted: int = 0
    """Calls that left, repeated ones included."""
    retried: int = 0
    throttled: int = 0
    latencies: Latencies = field(default_factory=Latencies)
    """Of those that succeeded, from the pacer's leave to the answer."""

    def as_dict(self) -> dict[str, int]:
        """Return the counts by the names of the documented JSON."""
        return {
            "attempts": self.attempted,
            "retried": self.retried,
            "throttled": self.throttled,
        }


@dataclass(eq=False)
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
    blocks_read: int = 0
    """Looked at for a forecast."""
    puts: CallCounts = field(default_factory=CallCounts)
    gets: CallCounts = field(default_factory=CallCounts)
    in_flight: int = 0
    allowed_per_s: float = 0.0
    """Calls that the pacer lets start a second; 0 before the first one."""
    allowed_in_lanes_per_s: float = 0.0
    """The same in other processes that put the same volume."""
    allowed_by: RateLimiter | None = None
    """Whose limit that is."""
    limited_by: RateLimiter | None = None
    """What held calls back in the last second."""
    bytes_in_flight_max: int = 0
    """The most mapped or buffered bytes held at any moment."""
    host: str | None = None
    """Which of a fleet's hosts works on it."""
    is_paused: bool = False
    """No put may start for now, by the time of day."""
    failures: dict[str, int] = field(default_factory=dict)
    """Failed attempts by the name of their class."""
    disk: DiskMap = field(default_factory=DiskMap, repr=False)
    """Where the blocks are that the counters above count; of no size until that is known."""

    def begin_blocks(self, total: int) -> None:
        """Take note of how many blocks there are, before any of them is settled."""
        self.blocks_total = total
        self.disk.begin(total)

    @property
    def attempts(self) -> int:
        """The name of ``puts.attempted`` in version 0.1; like the next five it goes soon."""
        return self.puts.attempted

    @property
    def retried(self) -> int:
        """As ``puts.retried``."""
        return self.puts.retried

    @property
    def throttled(self) -> int:
        """As ``puts.throttled``."""
        return self.puts.throttled

    @property
    def gets_attempted(self) -> int:
        """As ``gets.attempted``."""
        return self.gets.attempted

    @property
    def gets_retried(self) -> int:
        """As ``gets.retried``."""
        return self.gets.retried

    @property
    def gets_throttled(self) -> int:
        """As ``gets.throttled``."""
        return self.gets.throttled

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
        """What became of the blocks, as an outcome reports it."""
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
        """What became of the puts, as an outcome reports it."""
        return self.puts.as_dict()

    @property
    def get_counts(self) -> dict[str, int]:
        """What became of the gets, as an outcome reports it."""
        return self.gets.as_dict()
