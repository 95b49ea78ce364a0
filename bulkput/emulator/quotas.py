"""Request rates: who may go on and who is throttled, decided from the time handed in.

Owns token buckets and which operation draws on which. Knows nothing of requests or answers.
"""

from bulkput.emulator.errors import ApiError, throttled_account, throttled_snapshot
from bulkput.emulator.options import EmulatorOptions

_CONTROL_BURST_S = 1.0
"""The buckets of rare calls hold a second's worth."""


class Bucket:
    """A token bucket that starts full; a rate of None never refuses."""

    def __init__(self, rate_per_s: float | None, burst_s: float) -> None:
        self.rate_per_s = rate_per_s
        self._burst_s = burst_s
        self._tokens = float("inf") if rate_per_s is None else max(1.0, rate_per_s * burst_s)
        self._filled_at_s: float | None = None

    def ready(self, now_s: float) -> bool:
        """Fill up to now and return whether a token is there."""
        if self.rate_per_s is None:
            return True
        if self._filled_at_s is not None:
            gained = (now_s - self._filled_at_s) * self.rate_per_s
            self._tokens = min(max(1.0, self.rate_per_s * self._burst_s), self._tokens + gained)
        self._filled_at_s = now_s
        return self._tokens >= 1.0

    def take(self) -> None:
        """Take one token, after ``ready``."""
        self._tokens -= 1.0

    def set_rate(self, rate_per_s: float | None) -> None:
        """Change the rate from here on."""
        self._tokens = 1.0 if rate_per_s is not None else float("inf")
        self._filled_at_s = None
        self.rate_per_s = rate_per_s


class Quotas:
    """The account's buckets and the snapshots'."""

    def __init__(self, options: EmulatorOptions) -> None:
        burst_s = options.burst_s
        self._burst_s = burst_s
        self._account: dict[str, Bucket] = {
            "PutSnapshotBlock": Bucket(options.puts_per_s_account, burst_s),
            "GetSnapshotBlock": Bucket(options.gets_per_s_account, burst_s),
            "ListSnapshotBlocks": Bucket(options.lists_per_s, _CONTROL_BURST_S),
            "ListChangedBlocks": Bucket(options.lists_per_s, _CONTROL_BURST_S),
            "StartSnapshot": Bucket(options.starts_per_s, _CONTROL_BURST_S),
            "CompleteSnapshot": Bucket(options.completes_per_s, _CONTROL_BURST_S),
        }
        self._snapshot_rates: dict[str, float | None] = {
            "PutSnapshotBlock": options.puts_per_s_snapshot,
            "GetSnapshotBlock": options.gets_per_s_snapshot,
        }
        self._snapshot: dict[tuple[str, str], Bucket] = {}

    def refusal(self, operation: str, snapshot_id: str | None, now_s: float) -> ApiError | None:
        """Take a token of every bucket that the call draws on; else of none, and return why."""
        account = self._account.get(operation)
        snapshot = None
        if snapshot_id is not None and operation in self._snapshot_rates:
            snapshot = self._snapshot.get((operation, snapshot_id))
            if snapshot is None:
                snapshot = Bucket(self._snapshot_rates[operation], self._burst_s)
                self._snapshot[operation, snapshot_id] = snapshot
        if snapshot is not None and not snapshot.ready(now_s):
            return throttled_snapshot()
        if account is not None and not account.ready(now_s):
            return throttled_account()
        for bucket in (snapshot, account):
            if bucket is not None:
                bucket.take()
        return None

    def set_account_rate(self, operation: str, rate_per_s: float | None) -> None:
        """Change the account's limit on an operation."""
        self._account[operation].set_rate(rate_per_s)

    def set_snapshot_rate(self, operation: str, rate_per_s: float | None) -> None:
        """Change every snapshot's limit on an operation."""
        self._snapshot_rates[operation] = rate_per_s
        for (name, _), bucket in self._snapshot.items():
            if name == operation:
                bucket.set_rate(rate_per_s)

    def forget(self, snapshot_id: str) -> None:
        """Drop the buckets of a snapshot that is no more."""
        for operation in self._snapshot_rates:
            self._snapshot.pop((operation, snapshot_id), None)
