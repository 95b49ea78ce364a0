"""One snapshot: its record, and the state that follows from the record and the time.

Owns states and what decides them. Pure but for the marks and digests that it reads; nothing
happens in the background, because a state is worked out when somebody looks.
"""

import dataclasses
import enum
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bulkput.emulator.geometry import BLOCKS_PER_GIB
from bulkput.emulator.layer import Layer

_SCAN_BLOCKS = 1 << 20
"""Blocks a step when looking for blocks: 1 MiB of marks a layer."""

MESSAGE_CHECKSUM = "Checksum mismatch for snapshot"
MESSAGE_COUNT = "Changed blocks count mismatch for snapshot"
"""Not captured: the words of another public emulator."""
MESSAGE_TIMED_OUT = "Snapshot timed out"


class State(enum.StrEnum):
    """What EC2 calls the snapshot; GONE is deleted."""

    PENDING = "pending"
    COMPLETED = "completed"
    ERROR = "error"
    GONE = "gone"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record:
    """What is kept of a snapshot beside its blocks; JSON on disk."""

    snapshot_id: str
    owner_id: str
    volume_size_gib: int
    parent_id: str | None
    description: str | None
    tags: tuple[tuple[str, str], ...] | None
    client_token: str | None
    request: str
    """StartSnapshot's parameters in one canonical text, to distinguish a replay from a conflict."""
    kms_key_arn: str | None
    timeout_min: int
    started_unix_s: float
    layer_ids: tuple[str, ...]
    """Own layer first, then the parent's, the grandparent's: where a block is looked for."""
    settles_unix_s: float | None = None
    verdict: str = ""
    """The StateMessage that the seal will end in; empty for completed."""
    deleted: bool = False
    is_public: bool = False
    """Another account's, which everybody may restore; the direct API does not read those."""
    region: str = ""
    """Where it is; of versions before 0.3, in every Region."""
    is_copy: bool = False
    """Made by CopySnapshot: it counts against another limit."""
    create_volume_permissions: tuple[str, ...] = ()
    """Accounts that may make volumes of it, and ``all``."""

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "Record":
        """Return the record that ``dataclasses.asdict`` and JSON made of one."""
        fields.pop("sealed_unix_s", None)  # version 0.1.0 kept it
        tags = fields.pop("tags")
        for name in ("layer_ids", "create_volume_permissions"):
            fields[name] = tuple(fields.get(name, ()))
        pairs = None if tags is None else tuple((str(k), str(v)) for k, v in tags)
        return cls(**fields, tags=pairs)

    def is_in(self, region: str) -> bool:
        """Return whether a Region has the snapshot."""
        return self.region in ("", region)

    @property
    def encrypted(self) -> bool:
        """Whether the snapshot has a key."""
        return self.kms_key_arn is not None


class Snapshot:
    """A record and the layers in which its blocks are looked for."""

    def __init__(self, record: Record, layers: tuple[Layer, ...]) -> None:
        self.record = record
        self.layers = layers

    @property
    def block_count(self) -> int:
        """How many block indexes the volume has."""
        return self.record.volume_size_gib * BLOCKS_PER_GIB

    @functools.cached_property
    def held_count(self) -> int:
        """How many blocks a sealed snapshot shows, its parent's included."""
        return sum(len(run) for run in self.blocks(0))

    def state(self, now_unix_s: float) -> tuple[State, str]:
        """Return the state at a time, and its StateMessage."""
        record = self.record
        if record.deleted:
            return State.GONE, ""
        if record.settles_unix_s is not None:
            if now_unix_s < record.settles_unix_s:
                return State.PENDING, ""
            return (State.ERROR, record.verdict) if record.verdict else (State.COMPLETED, "")
        last_unix_s = max(record.started_unix_s, self.layers[0].last_put_unix_s)
        if now_unix_s - last_unix_s > record.timeout_min * 60:
            return State.ERROR, MESSAGE_TIMED_OUT
        return State.PENDING, ""

    def readable(self, now_unix_s: float, lag_s: float) -> bool:
        """Return whether the direct side, ``lag_s`` behind EC2, sees the snapshot as completed."""
        return self.state(now_unix_s - lag_s)[0] is State.COMPLETED and not self.record.deleted

    def verdict(self, changed_blocks_count: int, linear_checksum: bytes | None) -> str:
        """Return the StateMessage that a seal with these figures ends in; empty if they hold."""
        own = self.layers[0]
        if changed_blocks_count != own.written_count:
            return MESSAGE_COUNT
        if linear_checksum is not None and linear_checksum != own.linear_checksum():
            return MESSAGE_CHECKSUM
        return ""

    def find(self, block_index: int) -> Layer | None:
        """Return the layer that shows the block, or None where none was ever written."""
        return next((layer for layer in self.layers if layer.has(block_index)), None)

    def blocks(self, start: int) -> Iterator[NDArray[np.int64]]:
        """Yield the indexes from ``start`` at which there is a block, ascending, in runs."""
        for low in range(start, self.block_count, _SCAN_BLOCKS):
            yield low + np.flatnonzero(self.providers(low, low + _SCAN_BLOCKS))

    def providers(
        self, low: int, high: int, numbers: dict[str, int] | None = None
    ) -> NDArray[np.int32]:
        """Return, for block indexes from ``low`` to ``high``, which layer shows the block.

        Args:
            low: first index.
            high: index behind the last; may lie beyond the volume.
            numbers: number above 0 of each layer by its id; all are 1 if left out.

        Returns:
            One number an index, 0 where no layer has a block.
        """
        shown = np.zeros(high - low, np.int32)
        for layer in reversed(self.layers):
            marks = layer.marks[low:high]
            shown[: len(marks)][marks != 0] = 1 if numbers is None else numbers[layer.folder.name]
        return shown


def changed_blocks(
    first: Snapshot, second: Snapshot, start: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]]:
    """Yield runs of (indexes, there in the first, there in the second) where the two differ.

    Two snapshots differ at an index when different puts made what they show there, whatever the
    bytes: the service compares what was written, not what it means.
    """
    names = {*first.record.layer_ids, *second.record.layer_ids}
    numbers = {name: number for number, name in enumerate(sorted(names), 1)}
    for low in range(start, max(first.block_count, second.block_count), _SCAN_BLOCKS):
        before = first.providers(low, low + _SCAN_BLOCKS, numbers)
        after = second.providers(low, low + _SCAN_BLOCKS, numbers)
        at = np.flatnonzero(before != after)
        yield low + at, before[at] != 0, after[at] != 0
