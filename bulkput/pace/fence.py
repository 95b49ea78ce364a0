"""Holds puts back once the time is over until which nobody else can have the upload.

Whoever holds an upload by a lease may be cut off from where the lease is renewed, or stand still,
and not know that another has taken its place. So it puts only as long as nobody can have.
"""

from bulkput.model.clock import boottime_s
from bulkput.pace.gate import Gate

LOOK_S = 0.25
"""At whether the lease was renewed meanwhile."""


class Fence:
    """A gate; one that nobody needs is open for ever."""

    def __init__(self, *, is_needed: bool = False) -> None:
        """Begin closed if it is needed: nothing is held yet."""
        self._is_needed = is_needed
        self._until_s = float("-inf") if is_needed else float("inf")

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
        return 0.0 if boottime_s() < self._until_s else LOOK_S


class GateOfAll:
    """Open if all of them are."""

    def __init__(self, *gates: Gate) -> None:
        self._gates = gates

    def pause_s(self) -> float:
        """Return the longest pause of all."""
        return max(gate.pause_s() for gate in self._gates)
