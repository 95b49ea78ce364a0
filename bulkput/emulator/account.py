"""What one emulated account consists of, handed to every operation.

Owns the wiring of store, tokens, quotas, counts and clock, and the rule by which a snapshot is
found. Knows no operation.
"""

from dataclasses import dataclass

from bulkput.emulator.call import Call
from bulkput.emulator.clock import EmulatorClock
from bulkput.emulator.errors import (
    ApiError,
    access_denied,
    public_snapshot,
    snapshot_not_found,
)
from bulkput.emulator.options import OWNER_ID, EmulatorOptions
from bulkput.emulator.quotas import Quotas
from bulkput.emulator.resources import Resources
from bulkput.emulator.snapshot import Snapshot, State
from bulkput.emulator.stats import Stats
from bulkput.emulator.store import Store
from bulkput.emulator.tokens import Tokens


@dataclass(frozen=True)
class Account:
    """One account in every Region."""

    options: EmulatorOptions
    store: Store
    resources: Resources
    tokens: Tokens
    quotas: Quotas
    stats: Stats
    clock: EmulatorClock

    def snapshot_in(self, snapshot_id: str, region: str) -> Snapshot | None:
        """Return a snapshot of a Region, deleted ones included; None if it never was there."""
        found = self.store.get(snapshot_id)
        return found if found is not None and found.record.is_in(region) else None

    def started(self, snapshot_id: str, region: str) -> tuple[Snapshot, State]:
        """Return a snapshot that the direct side knows, errored ones too, with its state.

        Raises:
            ApiError: it is unknown, deleted, or was started too recently.
        """
        now_unix_s = self.clock.unix_s()
        snapshot = self.snapshot_in(snapshot_id, region)
        if snapshot is None:
            raise snapshot_not_found(snapshot_id)
        state, _ = snapshot.state(now_unix_s)
        visible_unix_s = snapshot.record.started_unix_s + self.options.start_visible_after_s
        if state is State.GONE or now_unix_s < visible_unix_s:
            raise snapshot_not_found(snapshot_id)
        return snapshot, state

    def writable(self, snapshot_id: str, region: str) -> tuple[Snapshot, State]:
        """Return a snapshot that blocks are put into, with its state.

        Raises:
            ApiError: it is unknown, deleted, errored, or was started too recently.
        """
        snapshot, state = self.started(snapshot_id, region)
        if state is State.ERROR:
            raise snapshot_not_found(snapshot_id)
        return snapshot, state

    def readable(self, snapshot_id: str, region: str) -> Snapshot:
        """Return a snapshot that the direct side sees as completed.

        Raises:
            ApiError: it is not one.
        """
        snapshot = self.snapshot_in(snapshot_id, region)
        if snapshot is None or not snapshot.readable(
            self.clock.unix_s(), self.options.completed_lag_s
        ):
            raise snapshot_not_found(snapshot_id)
        if snapshot.record.is_public:
            raise public_snapshot(snapshot_id)
        return snapshot

    def pending_count(self) -> int:
        """Return how many snapshots are pending now."""
        now_unix_s = self.clock.unix_s()
        return sum(
            snapshot.state(now_unix_s)[0] is State.PENDING
            for snapshot in self.store
            if not snapshot.record.is_copy
        )

    def encrypts_by_default(self, region: str) -> bool:
        """Return whether what is made in a Region is encrypted unless a request asks otherwise."""
        setting = self.resources.settings_of(region).encryption_by_default
        return self.options.ebd if setting is None else setting

    def default_key_arn(self, region: str) -> str:
        """Return the ARN of the key for what is encrypted without one being named."""
        return self.resources.settings_of(region).default_key or self.aws_key_arn(region)

    def aws_key_arn(self, region: str) -> str:
        """Return the ARN of the account's own EBS key, which AWS manages: alias/aws/ebs."""
        return f"arn:aws:kms:{region}:{OWNER_ID}:key/0e0e0e0e-0000-4000-8000-000000000000"

    def denied(self, call: Call) -> ApiError:
        """Return IAM's refusal of a call."""
        nameless = "null" if call.operation == "StartSnapshot" else "*"
        return access_denied(
            f"{call.service}:{call.action}", call.region, call.snapshot_id or nameless, OWNER_ID
        )
