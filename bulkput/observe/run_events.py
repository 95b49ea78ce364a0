"""What a run adds to the events of its volumes: its begin, how it ended, and why if not well.

Together with the model's they are all that a sink hears: display, log, JSON lines and metrics each
get every one of them, and know nothing of each other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from bulkput.model.duration import format_duration
from bulkput.model.events import Event


class RunStarted(NamedTuple):
    """A verb begins; the first event of a run."""

    volume_count: int
    program_version: str
    process_id: int
    host: str
    job: str | None = None
    """Its name, of a verb that runs the job of a file."""
    job_id: str | None = None


class RunConfigured(NamedTuple):
    """What the run goes by, for whoever looks at it later; without secrets."""

    settings: Mapping[str, str]
    """By the keys of the job file; of volumes only what is not the default."""
    versions: Mapping[str, str]
    """Of the program and what it is made of, by their names."""
    machine: Mapping[str, str | int | None]
    prices: Mapping[str, float]
    """In USD, by what they are of."""


@dataclass(frozen=True)
class OutcomeKnown:
    """What became of a snapshot by a verb that is not an upload: the object of ``--output json``.

    Without its long lists, such as the ranges that differ.
    """

    volume: str
    outcome: Mapping[str, Any]


class ResultKnown(NamedTuple):
    """What a verb that is not of volumes has found: the object of ``--output json``."""

    result: Mapping[str, Any]


class Logged(NamedTuple):
    """A record of the program's log, or of a library's: one line without secrets."""

    text: str
    level: int
    """As in ``logging``."""


class Stopping(NamedTuple):
    """A signal asked the program to leave, which it does in order."""

    in_flight: int
    """Puts and gets under way."""
    grace_s: float
    """The time that they have to end."""

    @property
    def text(self) -> str:
        """What the user should know."""
        count = self.in_flight
        under_way = f"{count:,} request{'' if count == 1 else 's'} under way"
        return (
            f"stopping: {under_way}, up to {format_duration(self.grace_s)}; again to leave at once"
        )


class RunFailed(NamedTuple):
    """An error ended the verb as a whole; volumes that fail have it in their outcome."""

    error: str
    exit_code: int
    snapshot_id: str | None = None
    details: tuple[str, ...] = ()
    """Tracebacks of what was not foreseen, and other errors beside this one."""


class RunEnded(NamedTuple):
    """The last event of a run."""

    exit_code: int
    elapsed_s: float


RunOwn = RunStarted | RunConfigured | ResultKnown | RunFailed | RunEnded | Logged | Stopping
"""Events that are of no volume."""

RunEvent = Event | OutcomeKnown | RunOwn


class Sink(Protocol):
    """Whoever shows or keeps events, in a thread of its own that may block.

    ``on_event`` may be called from any thread, must return at once and never raise. ``tick`` and
    ``close`` belong to one thread at a time and never raise.
    """

    def on_event(self, event: RunEvent) -> None:
        """Take note of ``event``."""
        ...

    def tick(self, now_s: float) -> None:
        """Write what is due at ``now_s`` (monotonic)."""
        ...

    def close(self, now_s: float) -> None:
        """Write the rest and give back what was opened."""
        ...
