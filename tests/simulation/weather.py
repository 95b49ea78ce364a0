"""What goes wrong on the way to the service and when: decided by a seed, or by a script.

Every decision is a function of the seed and of what is asked, never of the order of asking.
"""

import zlib
from dataclasses import dataclass, field
from typing import NamedTuple

from bulkput.model.errors import CredentialsError, ServiceError
from bulkput.model.failure import FailureClass as Failure

ATTEMPT_DEADLINE_S = 20.0
"""As the data plane's: a stuck attempt ends then."""


class Fault(NamedTuple):
    """How one call goes wrong."""

    failure: Failure | None
    """None: the keys for the signature are not to be had at all."""
    is_done: bool = False
    """The service did what it was asked, only the answer is lost."""
    after_s: float = 0.0
    done_late_s: float | None = None
    """The sender gives up after ``after_s``; the service does it so long after the sending."""

    def error(self, operation, snapshot_id=None, block_index=None):
        if self.failure is None:
            return CredentialsError("simulated: no credentials")
        return ServiceError(
            operation, self.failure, "simulated", snapshot_id=snapshot_id, block_index=block_index
        )


PUT_FAULTS = {
    "refused": Fault(Failure.TRANSIENT),
    "lost": Fault(Failure.TRANSIENT, is_done=True, after_s=0.02),
    "stuck": Fault(Failure.TRANSIENT, after_s=ATTEMPT_DEADLINE_S),
    "stuck but stored": Fault(Failure.TRANSIENT, is_done=True, after_s=ATTEMPT_DEADLINE_S),
    "late": Fault(Failure.TRANSIENT, after_s=ATTEMPT_DEADLINE_S, done_late_s=25.0),
    "slow snapshot": Fault(Failure.THROTTLED_SNAPSHOT),
    "slow account": Fault(Failure.THROTTLED_ACCOUNT),
    "damaged on the way": Fault(Failure.CHECKSUM_MISMATCH),
    "unexplained": Fault(Failure.UNDOCUMENTED),
}
BOUNDED = {"damaged on the way": 0.05, "unexplained": 0.1}
"""Rates above which a few attempts are too few."""

FINAL = (
    Failure.ACCESS_DENIED,
    Failure.KEY_UNUSABLE,
    Failure.INVALID,
    Failure.GONE,
    Failure.QUOTA,
    Failure.CONFLICT,
    Failure.SIGNATURE,
    None,
)


class Spell(NamedTuple):
    """A time in which every call fails alike."""

    start_s: float
    stop_s: float
    fault: Fault


@dataclass
class Weather:
    """One run's share; the service asks it for its own delays too."""

    seed: int = 0
    run: int = 0
    latency_s: float = 0.05
    put_rates: dict[str, float] = field(default_factory=dict)
    control_rate: float = 0.0
    spells: tuple[Spell, ...] = ()
    script: dict[tuple[str, int], Fault] = field(default_factory=dict)
    """By (call, number): what befalls exactly that call."""
    keys_expire_s: float = float("inf")
    keys_come_back_s: float = 0.0
    is_slow_to_show: bool = False

    def unit(self, *key):
        """Return a number from 0 to 1 that belongs to ``key``."""
        text = "/".join(map(str, (self.seed, self.run, *key)))
        return zlib.crc32(text.encode()) / 2**32

    def _spell(self, elapsed_s):
        for spell in self.spells:
            if spell.start_s <= elapsed_s < spell.stop_s:
                return spell.fault
        return None

    def put_fault(self, number, index, attempt, elapsed_s):
        found = self.script.get(("put", number)) or self._spell(elapsed_s)
        if found is not None:
            return found
        unit = self.unit("put", index, attempt)
        for name, rate in self.put_rates.items():
            if unit < rate:
                return PUT_FAULTS[name]
            unit -= rate
        return None

    def control_fault(self, call, number, elapsed_s):
        found = self.script.get((call, number)) or self._spell(elapsed_s)
        if found is not None:
            return found
        if self.unit(call, number) >= self.control_rate:
            return None
        return PUT_FAULTS["lost" if self.unit("lost", call, number) < 0.5 else "refused"]

    def delay_s(self, *key):
        return self.latency_s * (0.5 + self.unit("delay", *key))

    def visible_after_s(self, number):
        if not self.is_slow_to_show:
            return 0.0
        return 60.0 * self.unit("visible", number)

    def described_after_s(self, number):
        if not self.is_slow_to_show:
            return 0.0
        return 30.0 * self.unit("described", number)

    def ends_after_s(self, snapshot_id):
        return 40.0 * self.unit("ends", snapshot_id)
