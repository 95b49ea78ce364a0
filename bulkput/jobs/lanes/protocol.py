"""What a job and its lanes send each other.

A lane is a process that works for one volume at a time. For an upload it puts portions of it, one
after the other; for a comparison or a download it gets blocks, by the tokens that come with them;
for a copy it does both, portion by portion, at two services.
Messages are named tuples: a frozen dataclass takes 0.4 ms to define, seven times as long.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from bulkput.config.service import ServiceSettings
from bulkput.ebs.credentials import Credentials
from bulkput.jobs.lanes.orders import Order
from bulkput.jobs.process.embedded_server import EmbeddedServer
from bulkput.model.block import Extent
from bulkput.model.disk_map import BlockFate
from bulkput.model.events import GetRetried, PutRetried
from bulkput.model.progress import CallCounts, Progress


class CallKind(StrEnum):
    """What a lane does; puts and gets have rates of their own."""

    PUTS = "puts"
    GETS = "gets"
    SOURCE_GETS = "source_gets"
    """Of the snapshot that is copied: of another account, or Region, than the rest."""

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


class LaneEnd(NamedTuple):
    """A service, as a lane opens it."""

    settings: ServiceSettings
    """With the Region that the job has found."""
    server: EmbeddedServer | None
    """The embedded one; None where the settings say it all."""
    keys: Keys


class LaneInit(NamedTuple):
    """First to a lane: what it is to open."""

    service: LaneEnd
    source: LaneEnd | None = None
    """Where snapshots are copied from, if the job is a copy."""


class OfSource(NamedTuple):
    """To a lane or from it: the same about the keys of the service that is copied from."""

    message: "Keys | KeysRefreshed | WantKeys"


class CallShare(NamedTuple):
    """A lane's part of the calls of one kind."""

    snapshot_per_s: float
    account_per_s: float
    in_flight_max: int


class Share(NamedTuple):
    """To a lane: its part of everything there is one of, from now on."""

    calls: tuple[CallShare, ...]
    """Of each kind that the volume takes; of a copy the puts, then the gets of its source."""
    memory_bytes: int
    until_s: float = float("inf")
    """When all of it ends, by ``boottime_s``, unless another share has come."""


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
    tokens: Mapping[int, str] | None = None
    """Of a copy: which blocks the snapshot has of it, and what they are got with."""
    unchanged: tuple[Extent, ...] = ()
    """Of a copy: what is known to be as in the parent, of the blocks that must be looked at."""


class Token(NamedTuple):
    """To a lane that wanted it: what a block is got with from now on."""

    block_index: int
    token: str | None
    """None: the snapshot does not have the block."""


class Stop(NamedTuple):
    """To a lane: leave the volume and end; puts in flight may end within the grace."""


class LaneReady(NamedTuple):
    """From a lane: the volume's source and table are open."""


class WantPortion(NamedTuple):
    """From a lane: everything that it was given has been read."""


class WantKeys(NamedTuple):
    """From a lane: the service refused its keys; the answer is ``KeysRefreshed``."""


class WantToken(NamedTuple):
    """From a lane: the service refused a block's token; the answer is a ``Token``."""

    block_index: int
    refused: str


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


class Held(NamedTuple):
    """From the order on, for how long a lane's next call waited for its parts of two rates."""

    snapshot_s: float = 0.0
    account_s: float = 0.0


class CallReport(NamedTuple):
    """A lane's calls of one kind, from the order on."""

    progress: Progress
    """Its map of the disk is empty: that comes with the portions."""
    held: Held


class LaneProgress(NamedTuple):
    """From a lane: its counters for the volume."""

    calls: tuple[CallReport, ...]
    """As in a ``Share``."""
    busy_share: float
    """Of the time since the last one, what its event loop had a processor for."""
    memory_bytes: int
    """That it may hold until it hears of another share: that of the last one, or what it has yet
    of a larger one."""


class LaneLeft(NamedTuple):
    """From a lane: it does nothing for the volume any more, and has let go of all of it."""

    error: Exception | None = None
    """What ends the volume."""
    end: str | None = None
    """In a clause, why the process ends as well; None if it can work for another volume."""


class LaneFailed(NamedTuple):
    """From a lane, its last: why it cannot work."""

    sentence: str


ToVolume = Share | Portion | Token | Work | NoMoreWork
"""To what a lane does for a volume."""
ToLane = LaneInit | Keys | KeysRefreshed | OfSource | Order | ToVolume | Stop
FromLane = (
    LaneReady
    | WantKeys
    | OfSource
    | WantPortion
    | WantToken
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
