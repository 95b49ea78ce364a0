"""When puts may start at all, whatever their rate."""

from typing import Protocol

LOOK_S = 60.0
"""A pause is slept through in parts: the machine's clock may be set meanwhile, or summer begin."""


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
