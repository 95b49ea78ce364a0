"""What a job and its lanes send each other.

A lane is a process that works for one volume at a time. For an upload it puts portions of it, one
after the other; for a comparison or a download it gets blocks, by the tokens that come with them.
Messages are named tuples: a frozen dataclass takes 0.4 ms to define, seven times as long.
"""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bulkput.config.service import ServiceSettings
from bulkput.ebs.credentials import Credentials
from bulkput.jobs.process.embedded_server import EmbeddedServer
from bulkput.ledger.manifest_header import ManifestHeader
from bulkput.ledger.record import State
from bulkput.model.block import Extent
from bulkput.model.daily_window import DailyWindow
from bulkput.model.disk_map import BlockFate
from bulkput.model.events import GetRetried, PutRetried
from bulkput.model.progress import CallCounts, Progress
from bulkput.planning.zeros import ResolvedZeros
from bulkput.source.shared import SharedSource

if TYPE_CHECKING:
    from bulkput.destination.destination import TargetKind  # no upload needs destinations


class CallKind(StrEnum):
    """What a lane does; puts and gets have rates of their own."""

    PUTS = "puts"
    GETS = "gets"

    def counts(self, progress: Progress) -> CallCounts:
        """Return the counters of these calls."""
        return progress.puts if self is CallKind.PUTS else progress.gets


class Keys(NamedTuple):
    """To a lane: what it signs with from now on."""

    credentials: Credentials | None
    error: Exception | None = None
    """Why there are none: what every call raises until there are."""


class KeysRefreshed(NamedTuple):
    """To a lane that wanted keys: new ones, if there are, were sent before."""

    error: Exception | None
    """Why there could be none."""


class LaneInit(NamedTuple):
    """First to a lane: the job's settings, as its service is opened by."""

    settings: ServiceSettings
    """With the Region that the job has found."""
    server: EmbeddedServer | None
    """The embedded one; None where the settings say it all."""
    keys: Keys


class Share(NamedTuple):
    """To a lane: its part of everything there is one of, from now on."""

    snapshot_per_s: float
    """Puts, or gets."""
    account_per_s: float
    in_flight_max: int
    memory_bytes: int
    until_s: float = float("inf")
    """When all of it ends, by ``boottime_s``, unless another share has come."""


class SharedManifest(NamedTuple):
    """A manifest that the job has open: its file, and what its header says."""

    path: Path
    header: ManifestHeader


class PutOrder(NamedTuple):
    """To a lane: put blocks of this volume; it answers ``LaneReady``, then asks for portions.

    Beside it come, through the other socket, the descriptors of the source's files and one of the
    ledger's lock: as long as this process lives, nobody else works on the snapshot.
    """

    volume: str
    snapshot_id: str
    snapshot_started_s: float
    """Monotonic, which is the same clock in all processes of a machine."""
    source: SharedSource
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


class Work(NamedTuple):
    """To a lane: something that the job has numbered, to do now."""

    number: int
    item: Any
    """By the order: a piece of a comparison, or a group of blocks to bring."""


class NoMoreWork(NamedTuple):
    """To a lane: what it has is the last of the volume."""


class Portion(NamedTuple):
    """To a lane: blocks to put; None if there are no more, and what is under way is the last."""

    extent: Extent | None


class Stop(NamedTuple):
    """To a lane: leave the volume and end; puts in flight may end within the grace."""


class LaneReady(NamedTuple):
    """From a lane: the volume's source and table are open."""


class WantPortion(NamedTuple):
    """From a lane: everything that it was given has been read."""


class WantKeys(NamedTuple):
    """From a lane: the service refused its keys; the answer is ``KeysRefreshed``."""


class PortionSettled(NamedTuple):
    """From a lane: every block of a portion is settled in the table."""

    extent: Extent
    counts: dict[str, int]
    """Blocks by what became of them: names of ``Progress``'s fields."""
    fates: dict[BlockFate, tuple[Extent, ...]]
    """Which of them, for the map of the disk."""


class WorkDone(NamedTuple):
    """From a lane: what came of a work."""

    number: int
    result: Any


class LaneProgress(NamedTuple):
    """From a lane: its counters for the volume, from the order on."""

    progress: Progress
    """Its map of the disk is empty: that comes with the portions."""
    busy_share: float
    """Of the time since the last one, what its event loop had a processor for."""


class LaneLeft(NamedTuple):
    """From a lane: it does nothing for the volume any more, and has let go of all of it."""

    error: Exception | None = None
    """What ends the volume."""


class LaneFailed(NamedTuple):
    """From a lane, its last: why it cannot work."""

    sentence: str


GetOrder = CompareOrder | RestoreOrder
Order = PutOrder | GetOrder
ToVolume = Share | Portion | Work | NoMoreWork
"""To what a lane does for a volume."""
ToLane = LaneInit | Keys | KeysRefreshed | Order | ToVolume | Stop
FromLane = (
    LaneReady
    | WantKeys
    | WantPortion
    | PortionSettled
    | WorkDone
    | LaneProgress
    | LaneLeft
    | LaneFailed
    | PutRetried
    | GetRetried
)

BLOCK_COUNTS = (
    "blocks_put",
    "blocks_resumed",
    "blocks_skipped_zero",
    "blocks_skipped_hole",
    "blocks_unchanged",
)


def no_counts() -> dict[str, int]:
    """Return a count of none for each."""
    return dict.fromkeys(BLOCK_COUNTS, 0)
