"""The service as its contract says, in memory: snapshots, tokens, states; it outlives every run.

Owns what is true on the far side. ``line.py`` is how a run reaches it.
"""

import base64
import hashlib
from dataclasses import dataclass, field

from simulation.contents import content, digest

from bulkput.ebs.snapshot import (
    BlockPage,
    GotBlock,
    SnapshotState,
    StartedSnapshot,
    StartRequest,
)
from bulkput.model.block import BLOCKS_PER_GIB
from bulkput.model.errors import ServiceError
from bulkput.model.failure import FailureClass

FIRST_UNIX_S = 1_790_000_000.0
KEY_ARN = "arn:aws:kms:us-east-1:000000000000:key/simulated"


@dataclass
class Snapshot:
    snapshot_id: str
    request: StartRequest
    encrypted: bool
    started_s: float
    visible_s: float
    """From when on puts find it."""
    described_s: float
    """From when on EC2 knows it."""
    last_s: float
    blocks: dict[int, int] = field(default_factory=dict)
    state: str = "pending"
    message: str | None = None
    sealed: tuple[int, str] | None = None
    ends_s: float = float("inf")
    tags: dict[str, str] = field(default_factory=dict)
    """Beside those of the request."""
    crossed: bool = False
    """A put that its sender had given up came late and changed a block that was put again."""

    @property
    def linear(self):
        aggregate = hashlib.sha256()
        for index in sorted(self.blocks):
            aggregate.update(digest(self.blocks[index]))
        return len(self.blocks), base64.b64encode(aggregate.digest()).decode()


def refusal(operation, failure, what, **facts):
    return ServiceError(operation, failure, what, **facts)


class ModelService:
    """One account in one Region."""

    def __init__(self, weather, *, encrypts, shows_encryption=True):
        self.weather = weather
        self.encrypts = encrypts
        self.shows_encryption = shows_encryption
        """In StartSnapshot's answer; EC2 always shows it."""
        self.now_s = FIRST_UNIX_S
        self.snapshots = {}
        self._tokens = {}
        self._late = []

    def settle(self, now_s):
        """Let what was due up to now happen."""
        self.now_s = max(self.now_s, now_s)
        due = [late for late in self._late if late[0] <= self.now_s]
        self._late = [late for late in self._late if late[0] > self.now_s]
        for at_s, snapshot_id, index, number in sorted(due):
            self._store_late(at_s, snapshot_id, index, number)
        for snapshot in self.snapshots.values():
            if snapshot.state != "pending":
                continue
            idle_since_s = snapshot.last_s
            if snapshot.sealed is not None:
                if snapshot.ends_s <= self.now_s:
                    self._finish(snapshot)
            elif idle_since_s + (snapshot.request.timeout_min or 60) * 60 <= self.now_s:
                snapshot.state, snapshot.message = "error", "Snapshot timed out"

    def _store_late(self, at_s, snapshot_id, index, number):
        snapshot = self.snapshots.get(snapshot_id)
        if snapshot is None or snapshot.state != "pending" or snapshot.sealed is not None:
            return
        if snapshot.blocks.get(index, number) != number:
            snapshot.crossed = True
        self.store(snapshot, index, number, at_s)

    def _finish(self, snapshot):
        count, checksum = snapshot.linear
        if snapshot.sealed[0] != count:
            snapshot.state, snapshot.message = "error", "Changed blocks count mismatch for snapshot"
        elif snapshot.sealed[1] != checksum:
            snapshot.state, snapshot.message = "error", "Checksum mismatch for snapshot"
        else:
            snapshot.state = "completed"

    def store(self, snapshot, index, number, at_s):
        snapshot.blocks[index] = number
        snapshot.last_s = max(snapshot.last_s, at_s)

    def store_later(self, at_s, snapshot_id, index, number):
        self._late.append((at_s, snapshot_id, index, number))

    def start(self, request):
        if request.client_token in self._tokens:
            earlier, started = self._tokens[request.client_token]
            if earlier != request:
                raise refusal("StartSnapshot", FailureClass.CONFLICT, "another request")
        else:
            number = len(self._tokens) + 1
            snapshot_id = f"snap-{number:017x}"
            now_s = self.now_s
            started = Snapshot(
                snapshot_id,
                request,
                encrypted=self.encrypts if request.encrypted is None else request.encrypted,
                started_s=now_s,
                visible_s=now_s + self.weather.visible_after_s(number),
                described_s=now_s + self.weather.described_after_s(number),
                last_s=now_s,
            )
            self._tokens[request.client_token] = (request, started)
            self.snapshots[snapshot_id] = started
        return StartedSnapshot(
            snapshot_id=started.snapshot_id,
            volume_size_gib=request.volume_size_gib,
            kms_key_arn=KEY_ARN if started.encrypted and self.shows_encryption else None,
            sse_type=None,
            owner_id="000000000000",
            parent_snapshot_id=None,
            start_unix_s=started.started_s,
            answered_unix_s=self.now_s,
            status="pending",
        )

    def taking_puts(self, operation, snapshot_id, index=None):
        """Return a snapshot that is there and pending."""
        snapshot = self.snapshots.get(snapshot_id)
        gone = snapshot is None or snapshot.state == "error" or snapshot.visible_s > self.now_s
        if gone:
            raise refusal(
                operation,
                FailureClass.NOT_YET_VISIBLE,
                "does not exist",
                snapshot_id=snapshot_id,
                block_index=index,
            )
        return snapshot

    def takes_put(self, snapshot_id, index):
        snapshot = self.taking_puts("PutSnapshotBlock", snapshot_id, index)
        if snapshot.sealed is not None or snapshot.state != "pending":
            raise refusal("PutSnapshotBlock", FailureClass.INVALID, "is already completed")
        if not 0 <= index < snapshot.request.volume_size_gib * BLOCKS_PER_GIB:
            raise refusal("PutSnapshotBlock", FailureClass.INVALID, "is beyond the volume size")
        return snapshot

    def complete(self, snapshot_id, count, checksum):
        snapshot = self.taking_puts("CompleteSnapshot", snapshot_id)
        if snapshot.sealed is None:
            snapshot.sealed = (count, checksum)
            snapshot.ends_s = self.now_s + self.weather.ends_after_s(snapshot_id)
        return snapshot.state

    def describe(self, snapshot_id):
        snapshot = self.snapshots.get(snapshot_id)
        if snapshot is None or snapshot.described_s > self.now_s:
            return None
        return SnapshotState(
            state=snapshot.state,
            state_message=snapshot.message,
            progress="0%",
            encrypted=snapshot.encrypted,
            kms_key_id=KEY_ARN if snapshot.encrypted else None,
            start_unix_s=snapshot.started_s,
            volume_size_gib=snapshot.request.volume_size_gib,
        )

    def set_tag(self, snapshot_id, key, value):
        if snapshot_id not in self.snapshots:
            raise refusal("CreateTags", FailureClass.GONE, "does not exist")
        self.snapshots[snapshot_id].tags[key] = value

    def delete(self, snapshot_id):
        self.snapshots.pop(snapshot_id, None)

    def _readable(self, operation, snapshot_id):
        snapshot = self.snapshots.get(snapshot_id)
        if snapshot is None or snapshot.state != "completed":
            raise refusal(operation, FailureClass.NOT_YET_VISIBLE, "does not exist")
        return snapshot

    def list_blocks(self, snapshot_id, page_token, page_blocks):
        snapshot = self._readable("ListSnapshotBlocks", snapshot_id)
        indexes = sorted(snapshot.blocks)
        start = int(page_token or 0)
        page = indexes[start : start + page_blocks]
        more = start + page_blocks < len(indexes)
        return BlockPage(
            blocks=tuple((index, f"token-{index}") for index in page),
            next_token=str(start + page_blocks) if more else None,
            volume_size_gib=snapshot.request.volume_size_gib,
        )

    def get(self, snapshot_id, index):
        number = self._readable("GetSnapshotBlock", snapshot_id).blocks[index]
        return GotBlock(content(number), digest(number))
