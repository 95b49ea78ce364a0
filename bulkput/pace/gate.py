"""When calls may start at all, whatever their rate."""

from typing import Protocol

from bulkput.model.clock import boottime_s

GATE_LOOK_S = 60.0
"""A pause is slept through in parts: the machine's clock may be set meanwhile, or summer begin."""

FENCE_LOOK_S = 0.25
"""At whether a lease was renewed meanwhile."""


class Gate(Protocol):
    """Holds puts back for a time."""

    def pause_s(self) -> float:
        """Return how long from now no put may start; 0 if one may start now."""
        ...


class OpenGate:
    """Holds nothing back."""

    def pause_s(self) -> float:
        """Return 0."""
        return 0.0


class CallGate(Protocol):
    """Of one kind of call."""

    async def admit(self) -> float:
        """Wait until a call may start; return how many seconds that took."""
        ...


class OpenCallGate:
    """Where nobody else is who shares: what is too much, the service refuses."""

    async def admit(self) -> float:
        """Return at once."""
        return 0.0


class Fence:
    """Holds puts back once the time is over until which nobody else can have the upload.

    Whoever holds an upload by a lease may be cut off from where the lease is renewed, or stand
    still, and not know that another has taken its place. So it puts only as long as nobody can
    have. A fence that nobody needs is open for ever.
    """

    def __init__(self, *, is_needed: bool = False) -> None:
        """Begin closed if it is needed: nothing is held yet."""
        self._is_needed = is_needed
        self._until_s = float("-inf") if is_needed else float("inf")

    @property
    def is_needed(self) -> bool:
        """Whether another can have the upload at all."""
        return self._is_needed

    @property
    def until_s(self) -> float:
        """Until when puts may start, by ``boottime_s``."""
        return self._until_s

    def hold_until(self, until_s: float) -> None:
        """Learn until when nobody else can have the upload, by ``boottime_s``."""
        if self._is_needed:
            self._until_s = until_s

    def pause_s(self) -> float:
        """Return how long to wait before looking again; 0 if a put may start."""
        return 0.0 if boottime_s() < self._until_s else FENCE_LOOK_S


class GateOfAll:
    """Open if all of them are."""

    def __init__(self, *gates: Gate) -> None:
        self._gates = gates

    def pause_s(self) -> float:
        """Return the longest pause of all."""
        return max(gate.pause_s() for gate in self._gates)
