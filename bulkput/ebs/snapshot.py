"""What StartSnapshot takes and gives, and what EC2 reports of a snapshot: plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


@dataclass(frozen=True)
class StartRequest:
    """What a new snapshot shall be; None and empty are left to the service."""

    volume_size_gib: int
    client_token: str
    """A repeated start with the same token and parameters finds the same snapshot."""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    parent_snapshot_id: str | None = None
    encrypted: bool | None = None
    kms_key_arn: str | None = None
    timeout_min: int | None = None
    """How long the snapshot waits for the next block before it fails."""

    def parameters(self) -> dict[str, Any]:
        """Return what StartSnapshot takes."""
        wanted: dict[str, Any] = {
            "VolumeSize": self.volume_size_gib,
            "ClientToken": self.client_token,
            "Description": self.description,
            "Tags": [{"Key": key, "Value": value} for key, value in self.tags.items()],
            "ParentSnapshotId": self.parent_snapshot_id,
            "KmsKeyArn": self.kms_key_arn,
            "Timeout": self.timeout_min,
        }
        parameters = {name: value for name, value in wanted.items() if value}
        if self.encrypted is not None:
            parameters["Encrypted"] = self.encrypted
        return parameters


class StartedSnapshot(NamedTuple):
    """What the service made of it."""

    snapshot_id: str
    volume_size_gib: int
    kms_key_arn: str | None
    sse_type: str | None
    owner_id: str | None
    parent_snapshot_id: str | None
    start_unix_s: float
    answered_unix_s: float
    """By the service's clock, as ``start_unix_s``."""
    status: str
    """``pending`` even where the token's snapshot has completed or is gone: EC2 knows."""

    @property
    def age_s(self) -> float:
        """How long before this answer the snapshot was started: seconds where it is new."""
        return self.answered_unix_s - self.start_unix_s

    @property
    def encrypted(self) -> bool:
        """Whether unwritten blocks would read as noise."""
        return bool(self.kms_key_arn or self.sse_type)


@dataclass(frozen=True)
class SnapshotState:
    """What EC2 reports of a snapshot now."""

    state: str
    """``pending``, ``completed``, ``error``, ``recoverable`` or ``recovering``."""
    state_message: str | None
    progress: str | None
    """As ``42%``; ``0%`` until the end for a snapshot of the EBS direct APIs."""
    encrypted: bool
    kms_key_id: str | None
    start_unix_s: float
    volume_size_gib: int
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    """The caller's own; those of a snapshot that another account shares are not shown."""
    volume_id: str | None = None
    """None where there is none: of snapshots that were put or copied."""
    full_size_bytes: int | None = None
    """FullSnapshotSizeInBytes: 524288 for each block that the snapshot holds, its parents'
    included; None where EC2 does not give it."""


class FoundSnapshot(NamedTuple):
    """A snapshot that EC2 found by its tags."""

    snapshot_id: str
    state: SnapshotState
    tags: Mapping[str, str]


class SnapshotPage(NamedTuple):
    """A page of DescribeSnapshots; short and empty pages may have a next one."""

    snapshots: tuple[FoundSnapshot, ...]
    next_token: str | None


class BlockPage(NamedTuple):
    """A page of ListSnapshotBlocks; short and empty pages may have a next one."""

    blocks: tuple[tuple[int, str], ...]
    """Block index and block token, ascending."""
    next_token: str | None
    volume_size_gib: int


class ChangedBlockPage(NamedTuple):
    """A page of ListChangedBlocks."""

    blocks: tuple[tuple[int, str | None, str | None], ...]
    """Block index, its token in the first and in the second snapshot, None where it is not."""
    next_token: str | None
    volume_size_gib: int


class GotBlock(NamedTuple):
    """One block as GetSnapshotBlock gave it; the digest has been computed and compared."""

    content: bytes
    """524288 bytes."""
    digest: bytes
    """Raw SHA-256 of ``content``."""
