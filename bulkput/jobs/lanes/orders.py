"""What a job asks a lane to do for a volume: all that it has to open, as data.

Named tuples, as all messages.
"""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bulkput.ledger.manifest_header import ManifestHeader
from bulkput.ledger.record import State
from bulkput.model.daily_window import DailyWindow
from bulkput.planning.zeros import ResolvedZeros
from bulkput.source.shared import SharedSource

if TYPE_CHECKING:
    from bulkput.destination.destination import TargetKind  # no upload needs destinations
    from bulkput.jobs.session.snapshot_blocks import SnapshotIdentity  # only a copy needs it


class SharedManifest(NamedTuple):
    """A manifest that the job has open: its file, and what its header says."""

    path: Path
    header: ManifestHeader


class SharedSnapshot(NamedTuple):
    """A snapshot that is copied; which blocks it has, and their tokens, come with the portions."""

    identity: "SnapshotIdentity"
    started_s: float
    """Monotonic."""
    manifest: SharedManifest | None
    """What is got must agree with it."""
    block_count: int
    """Of the copy: what the snapshot lacks of it is a hole."""
    knows_unchanged: bool
    """Whether portions come with what is known to be as in the parent."""


class PutOrder(NamedTuple):
    """To a lane: put blocks of this volume; it answers ``LaneReady``, then asks for portions.

    Beside it come, through the other socket, the descriptors of the source's files and one of the
    ledger's lock: as long as this process lives, nobody else works on the snapshot.
    """

    volume: str
    snapshot_id: str
    snapshot_started_s: float
    """Monotonic, which is the same clock in all processes of a machine."""
    source: SharedSource | SharedSnapshot
    table: Path
    block_count: int
    blank: State
    """What a record of zeros means."""
    zeros: ResolvedZeros
    trust_ledger: bool
    window_blocks: int
    parent: SharedManifest | None
    """The manifest that blocks are compared with."""
    window: DailyWindow | None
    """The time of day in which puts may start."""


class SharedSourceReference(NamedTuple):
    """The source that a snapshot is compared with."""

    source: SharedSource
    encrypted: bool


class SharedManifestReference(NamedTuple):
    """The manifest that a snapshot is compared with."""

    manifest: SharedManifest
    block_count: int


SharedReference = SharedSourceReference | SharedManifestReference


class CompareOrder(NamedTuple):
    """To a lane: get blocks of a snapshot and compare them; it answers ``LaneReady``, then works.

    Beside it come the descriptors of the sources' files, in the order of the references.
    """

    volume: str
    snapshot_id: str
    snapshot_started_s: float
    """Monotonic."""
    references: tuple[SharedReference, ...]


class RestoreOrder(NamedTuple):
    """To a lane: get blocks of a snapshot and write them; it answers ``LaneReady``, then works.

    Beside it come two descriptors: of the destination, which the job has looked at and locked, and
    of the lock of the download's state. As long as this process lives, nobody else writes there.
    """

    volume: str
    snapshot_id: str
    snapshot_started_s: float
    """Monotonic."""
    path: Path
    kind: "TargetKind"
    length_bytes: int
    table: Path
    """Of what is settled."""
    block_count: int
    """Of the snapshot's volume."""
    manifest: SharedManifest | None
    """What is got must agree with it."""


GetOrder = CompareOrder | RestoreOrder
Order = PutOrder | GetOrder
