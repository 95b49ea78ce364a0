"""What Ray's actor of one run does: keeps messages for its driver, its state, and the wish to stop.

Ends with the run. What it loses is display alone: what became of a volume is its task's result. A
wish to stop that is lost comes again: from whoever cancels until the driver has taken it, and then
from the driver.
"""

from collections.abc import Sequence
from typing import Any

from bulkput import __version__
from bulkput.fleet.run_state import STOPPING, VERSION

MESSAGES_MAX = 100_000
"""Of a driver that does not fetch: what is older goes."""


class Mailbox:
    """Of one run."""

    def __init__(self, job: str) -> None:
        """Begin empty; ``job`` is the run's, by name."""
        self._messages: list[tuple[str, Any]] = []
        self._status: dict[str, Any] = {"job": job, VERSION: __version__}
        self._is_stopping = False

    def push(self, volume: str, client: str, messages: Sequence[Any]) -> bool:  # noqa: ARG002 - see who
        """Take messages of an attempt at a volume; returns whether it is to stop."""
        self._messages += ((client, each) for each in messages)
        del self._messages[:-MESSAGES_MAX]
        return self._is_stopping

    def exchange(self, status: dict[str, Any]) -> tuple[list[tuple[str, Any]], bool]:
        """Take the driver's state; returns what came since, and whether the run is to stop.

        A driver that is stopping knows it, also if this mailbox was started again meanwhile.
        """
        self._status |= status
        self._is_stopping |= bool(status.get(STOPPING))
        taken, self._messages = self._messages, []
        return taken, self._is_stopping

    def status(self) -> dict[str, Any]:
        """Return what the driver last reported."""
        return self._status

    def stop(self) -> None:
        """Let all attempts end, as they next push, and the driver."""
        self._is_stopping = True
