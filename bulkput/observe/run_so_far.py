"""How far a run is, by the lines of its ``--events``: the stream read back.

Owns what the lines amount to. Reads no file and knows no state folder: the run may be of another
process, or of another machine.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bulkput.observe.record import VERSION, unix_s_of

_SIGNALLED = 128
"""An exit code above it stands for a signal."""


@dataclass
class VolumeSoFar:
    """One volume that has begun."""

    volume: str
    source: str = ""
    status: str = "running"
    """``running``, ``interrupted``, or as its outcome has it."""
    done_fraction: float = 0.0
    snapshot_id: str | None = None
    error: str | None = None


@dataclass
class RunSoFar:
    """One run of a verb."""

    key: str | None
    """What all of its events have in common."""
    job: str | None
    job_id: str | None
    host: str
    process_id: int
    volume_count: int
    begun_unix_s: float
    heard_unix_s: float
    """Of the last event."""
    exit_code: int | None = None
    """None while it runs, or where it was killed."""
    error: str | None = None
    by_name: dict[str, VolumeSoFar] = field(default_factory=dict)

    @property
    def volumes(self) -> list[VolumeSoFar]:
        """Those that have begun, by name."""
        return sorted(self.by_name.values(), key=lambda volume: volume.volume)

    @property
    def counts(self) -> dict[str, int]:
        """Volumes by their status; those that have not begun are ``waiting``."""
        counts = dict(Counter(volume.status for volume in self.volumes))
        waiting = self.volume_count - len(self.by_name)
        return counts | ({"waiting": waiting} if waiting > 0 else {})

    @property
    def status(self) -> str:
        """In one word: ``running``, ``completed``, ``interrupted`` or ``failed``."""
        if self.exit_code is None:
            return "running"
        if self.exit_code == 0:
            return "completed"
        return "interrupted" if self.exit_code > _SIGNALLED else "failed"

    def as_dict(self, now_unix_s: float) -> dict[str, Any]:
        """Return the documented JSON object."""
        return {
            "job": self.job,
            "job_id": self.job_id,
            "status": self.status,
            "host": self.host,
            "process_id": self.process_id,
            "age_s": round(now_unix_s - self.begun_unix_s, 3),
            "last_event_age_s": round(now_unix_s - self.heard_unix_s, 3),
            "counts": self.counts,
            "volumes": [
                {
                    "volume": volume.volume,
                    "source": volume.source,
                    "status": volume.status,
                    "percent": round(100 * volume.done_fraction, 1),
                    "snapshot_id": volume.snapshot_id,
                    "error": volume.error,
                }
                for volume in self.volumes
            ],
            "error": self.error,
            "exit_code": self.exit_code,
        }


class OtherVersionError(Exception):
    """A line is of a version that this program does not know."""


def last_run(lines: Iterable[bytes], names: frozenset[str] | None) -> tuple[RunSoFar | None, int]:
    """Return the last run that the lines record, and how many lines are no events.

    A last line without its end is being written; it does not count.

    Args:
        lines: With their ends.
        names: Names or ids of the job; None is any run.

    Raises:
        OtherVersionError: the lines are of another version.
    """
    found: RunSoFar | None = None
    is_wanted = False
    foreign = 0
    for line in lines:
        if not line.endswith(b"\n"):
            break
        event = _event(line)
        if event is None:
            foreign += 1
        elif event["event"] == "started":
            is_wanted = names is None or bool(names & {event.get("job"), event.get("job_id")})
            found = _begun(event) if is_wanted else found
        elif found is not None:
            key = event.get("run")  # several runs may write at a time; older programs name none
            if is_wanted if key is None else key == found.key:
                _apply(found, event)
    return found, foreign


def _event(line: bytes) -> Mapping[str, Any] | None:
    """Return the event of a line; None where there is none."""
    try:
        event = json.loads(line)
        version = event["v"]
        is_event = isinstance(event["event"], str) and isinstance(event["ts"], str)
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if version != VERSION:
        raise OtherVersionError(version)
    return event if is_event and isinstance(event, dict) else None


def _begun(event: Mapping[str, Any]) -> RunSoFar:
    at_unix_s = unix_s_of(event)
    return RunSoFar(
        key=_field(event, "run", str | None, None),
        job=_field(event, "job", str | None, None),
        job_id=_field(event, "job_id", str | None, None),
        host=_field(event, "host", str, ""),
        process_id=_field(event, "process_id", int, 0),
        volume_count=_field(event, "volume_count", int, 0),
        begun_unix_s=at_unix_s,
        heard_unix_s=at_unix_s,
    )


def _apply(run: RunSoFar, event: Mapping[str, Any]) -> None:
    run.heard_unix_s = unix_s_of(event)
    name = _field(event, "volume", str | None, None)
    volume = None if name is None else run.by_name.setdefault(name, VolumeSoFar(name))
    match event["event"]:
        case "volume_started" if volume:
            volume.source = _field(event, "source", str)
        case "progress" if volume:
            volume.done_fraction = _field(event, "fraction", int | float)
            volume.snapshot_id = _field(event, "snapshot_id", str | None) or volume.snapshot_id
        case "volume_ended" if volume:
            _end(volume, _field(event, "outcome", dict))
        case "error":
            run.error = _field(event, "error", str)
        case "job_ended":
            run.exit_code = _field(event, "exit_code", int)
            for each in run.by_name.values():
                if each.status == "running":
                    each.status = "interrupted"


def _end(volume: VolumeSoFar, outcome: Mapping[str, Any]) -> None:
    code = _field(outcome, "exit_code", int)
    volume.source = _field(outcome, "source", str | None, None) or volume.source
    status = _field(outcome, "status", str | None, None)
    volume.status = status or ("failed" if code else "completed")
    volume.snapshot_id = _field(outcome, "snapshot_id", str | None, None) or volume.snapshot_id
    volume.error = _field(outcome, "error", str | None)
    if not code:
        volume.done_fraction = 1.0


def _field(facts: Mapping[str, Any], name: str, kind: Any, *absent: Any) -> Any:
    """Return a field, or ``absent`` where that is given.

    Raises:
        LookupError: it is not there.
        TypeError: it is not of ``kind``.
    """
    value = facts.get(name, *absent) if absent else facts[name]
    if not isinstance(value, kind):
        raise TypeError(f"{name} is a {type(value).__name__}")
    return value
