"""How many processes put, found by trying: one more where the event loops are out of CPU.

Pure: counts and times come in, a number of lanes comes out. Knows no process.

What an event loop spends on a put differs between processors by more than a factor of two, and a
second core may be another program's. So nothing is computed: while the loops have no time to spare
and the pacer would allow more, one lane is started, and kept if it brings its part of puts.
"""

from enum import Enum, auto
from typing import NamedTuple

ROUND_S = 2.0
"""Over which puts are counted: at 500/s a thousand, known to 3%."""

BUSY_SHARE = 0.8
"""Of a processor, for a loop that is out of it: the rest are turns of the GIL that it waits for,
and moments in which all that is hashed has been sent (0.83 at the most that one loop puts)."""

IDLE_PROCESSORS_MIN = 0.4
"""Without so much of a processor that nobody uses, a lane would only take from the others: on two
cores that a client and its sink share, 0.2 were idle, and two processes put less than one."""

USED_SHARE = 0.95
"""Of what the pacer allows: where so much is sent, a lane could not bring more."""

GAIN_MIN = 0.08
"""More puts a second, for a lane to be kept: twice what rounds differ by, and less than what a
core that two programs share still brings."""

SETTLE_S = 1.0
"""From a lane's first put until its connections are open and its part of the rate is found."""

JOIN_LIMIT_S = 15.0
"""A process starts in half a second of CPU, which a busy machine may take as long to give."""

WORTH_S = 6.0
"""So long must the rest take at the rate so far, for a lane to be worth its start: it takes half a
second of a core, and some more until it is judged."""

HOLD_FIRST_S = 30.0
HOLD_MAX_S = 600.0
"""After a lane that brought nothing, doubled by each: a trial costs some percent for seconds."""

SPARE_SHARE = 0.7
"""Of the processors of all loops but one, when all together need less: one can go."""


class Look(NamedTuple):
    """What is known at one moment."""

    now_s: float
    """Monotonic."""
    puts: int
    """Sent so far, by all."""
    busy_shares: tuple[float, ...]
    """Of a processor, what each event loop that puts needed since the last look; this process's
    first."""
    idle_processors: float
    """That this program may use, and nobody does."""
    allowed_puts_per_s: float
    """By all pacers together."""
    left_puts: int
    """At most."""


class _Phase(Enum):
    STEADY = auto()
    JOINING = auto()
    SETTLING = auto()
    TRIAL = auto()


class LaneCount:
    """Finds the number of lanes between none and ``most``."""

    def __init__(self, most: int) -> None:
        """Begin without."""
        self.most = most
        self.count = 0
        """Lanes that are wanted now."""
        self._phase = _Phase.STEADY
        self._base_puts_per_s = 0.0
        self._hold_s = HOLD_FIRST_S
        self._hold_until_s = float("-inf")
        self._since_s: float | None = None
        self._since_puts = 0
        self._busy: list[tuple[float, ...]] = []
        self._idle: list[float] = []

    def lost(self) -> None:
        """Learn that a lane has ended by itself: what ended it may end the next one."""
        self.most = max(0, self.most - 1)
        self.count = min(self.count, self.most)
        self._begin_phase(_Phase.STEADY, None)

    def look(self, look: Look) -> int:
        """Return how many lanes are wanted."""
        if self._since_s is None:
            self._begin_phase(self._phase, look)
            return self.count
        elapsed_s = look.now_s - self._since_s
        self._busy.append(look.busy_shares)
        self._idle.append(look.idle_processors)
        if self._phase is _Phase.JOINING:
            if len(look.busy_shares) > self.count:
                self._begin_phase(_Phase.SETTLING, look)
            elif elapsed_s > JOIN_LIMIT_S:
                self._withdraw(look)
        elif self._phase is _Phase.SETTLING:
            if elapsed_s >= SETTLE_S:
                self._begin_phase(_Phase.TRIAL, look)
        elif elapsed_s >= ROUND_S:
            puts_per_s = (look.puts - self._since_puts) / elapsed_s
            if self._phase is _Phase.TRIAL:
                self._judge(look, puts_per_s)
            else:
                self._consider(look, puts_per_s)
        return self.count

    def _judge(self, look: Look, puts_per_s: float) -> None:
        if puts_per_s < (1.0 + GAIN_MIN) * self._base_puts_per_s:
            self._withdraw(look)
        else:
            self._hold_s = HOLD_FIRST_S
            self._begin_phase(_Phase.STEADY, look)

    def _withdraw(self, look: Look) -> None:
        self.count -= 1
        self._hold_until_s = look.now_s + self._hold_s
        self._hold_s = min(HOLD_MAX_S, 2 * self._hold_s)
        self._begin_phase(_Phase.STEADY, look)

    def _consider(self, look: Look, puts_per_s: float) -> None:
        busy = self._mean_busy(len(look.busy_shares))
        is_worth = look.left_puts > WORTH_S * puts_per_s
        is_allowed = puts_per_s < USED_SHARE * look.allowed_puts_per_s
        has_room = sum(self._idle) >= IDLE_PROCESSORS_MIN * len(self._idle)
        is_out_of_cpu = has_room and min(busy) >= BUSY_SHARE
        may_try = self.count < self.most and look.now_s >= self._hold_until_s
        if may_try and is_out_of_cpu and is_allowed and is_worth:
            self._base_puts_per_s = puts_per_s
            self.count += 1
            self._begin_phase(_Phase.JOINING, look)
            return
        if self.count and sum(busy) < SPARE_SHARE * (len(busy) - 1):
            self.count -= 1
        self._begin_phase(_Phase.STEADY, look)

    def _mean_busy(self, loops: int) -> list[float]:
        """Return what each loop needed in the round, of the looks that had all of them."""
        whole = [shares for shares in self._busy if len(shares) == loops]
        return [sum(column) / len(whole) for column in zip(*whole, strict=True)]

    def _begin_phase(self, phase: _Phase, look: Look | None) -> None:
        self._phase = phase
        self._since_s = None if look is None else look.now_s
        self._since_puts = 0 if look is None else look.puts
        self._busy, self._idle = [], []
