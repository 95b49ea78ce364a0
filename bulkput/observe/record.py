"""One event as the object that a line of ``--events`` holds; ``schema`` describes it.

Owns names and units. A new field is no new version; a field that changes or goes is.
"""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.events import (
    GetRetried,
    ImageEnded,
    Noted,
    PhaseChanged,
    PutRetried,
    VolumeEnded,
    VolumeStarted,
)
from bulkput.model.progress import CallCounts, Progress
from bulkput.observe.board import Figures
from bulkput.observe.interval import CallFigures
from bulkput.observe.job_figures import JobFigures
from bulkput.observe.plain import masked
from bulkput.observe.run_events import (
    Logged,
    OutcomeKnown,
    ResultKnown,
    RunConfigured,
    RunEnded,
    RunEvent,
    RunFailed,
    RunOwn,
    RunStarted,
    Stopping,
)

VERSION = 1

PERCENTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}


def event_record(event: RunEvent) -> dict[str, Any]:
    """Return the fields of an event, beside those that every line has."""
    if isinstance(event, RunOwn):
        return _of_run(event)
    if isinstance(event, VolumeEnded):
        return _named("volume_ended", event.outcome.volume, {"outcome": event.outcome.as_dict()})
    if isinstance(event, ImageEnded):
        return _named("image_ended", None, {"outcome": event.outcome.as_dict()})
    if isinstance(event, VolumeStarted):
        return _named("volume_started", event.progress.volume, {"source": event.source})
    facts = {key: value for key, value in vars(event).items() if key != "volume"}
    if isinstance(event, PutRetried | GetRetried):
        facts["call"] = "put" if isinstance(event, PutRetried) else "get"
    return _named(_NAMES[type(event)], event.volume or None, facts)


_NAMES = {
    PhaseChanged: "phase",
    PutRetried: "retry",
    GetRetried: "retry",
    Noted: "note",
    OutcomeKnown: "volume_ended",
}


def _of_run(event: RunOwn) -> dict[str, Any]:
    match event:
        case RunConfigured():
            return _named("configuration", None, event._asdict())
        case ResultKnown():
            return _named("result", None, event._asdict())
        case RunStarted():
            return _named("started", None, event._asdict())
        case Logged(text, level):
            return _named("note", None, {"text": text, "warning": level >= logging.WARNING})
        case Stopping():
            return _named("note", None, {"text": event.text, "warning": True})
        case RunFailed(error, exit_code, snapshot_id):
            facts = {"error": error, "exit_code": exit_code, "snapshot_id": snapshot_id}
            return _named("error", None, facts)
        case RunEnded(exit_code, elapsed_s):
            facts = {"exit_code": exit_code, "elapsed_s": round(elapsed_s, 3)}
            return _named("job_ended", None, facts)


def progress_record(
    progress: Progress, figures: Figures, calls: tuple[CallFigures, CallFigures]
) -> dict[str, Any]:
    """Return the fields of a ``progress`` event.

    Args:
        progress: The counters.
        figures: What the display shows of them.
        calls: Puts and gets of the interval.
    """
    facts = {
        "phase": str(progress.phase),
        "snapshot_id": progress.snapshot_id,
        "fraction": round(figures.fraction, 6),
        "left_s": None if figures.left_s is None else round(figures.left_s, 1),
        "allowed_per_s": round(progress.allowed_per_s, 1) or None,
        "allowed_by": None if progress.allowed_by is None else str(progress.allowed_by),
        "limited_by": None if progress.limited_by is None else str(progress.limited_by),
    }
    return _named("progress", progress.volume, facts | _counters(progress, calls))


def job_record(
    total: Progress, figures: JobFigures, calls: tuple[CallFigures, CallFigures]
) -> dict[str, Any]:
    """Return the fields of the ``job_progress`` event of several volumes."""
    record = _counters(total, calls) | {
        "fraction": round(figures.fraction, 6),
        "left_s": None if figures.left_s is None else round(figures.left_s, 1),
        "elapsed_s": round(figures.elapsed_s, 1),
        "volumes": {
            "total": figures.volume_count,
            "completed": figures.completed,
            "failed": figures.failed,
            "running": figures.running,
            "waiting": figures.waiting,
        },
    }
    return _named("job_progress", None, record)


def _counters(progress: Progress, calls: tuple[CallFigures, CallFigures]) -> dict[str, Any]:
    """Return what one volume and all together have alike."""
    blocks = progress.block_counts | {
        "to_verify": progress.blocks_to_verify,
        "verified": progress.blocks_verified,
        "restored": progress.blocks_restored,
        "read": progress.blocks_read,
    }
    put, got = calls
    return {
        "blocks": blocks,
        "bytes": {name: count * BLOCK_SIZE_BYTES for name, count in blocks.items()},
        "puts": _calls(progress.puts, put),
        "gets": _calls(progress.gets, got),
        "in_flight": progress.in_flight,
        "failures": dict(progress.failures),
    }


def disk_record(progress: Progress) -> dict[str, Any]:
    """Return the fields of a ``disk_map`` event."""
    return _named("disk_map", progress.volume, progress.disk.as_dict())


def line_of(record: Mapping[str, Any], unix_s: float, environ: Mapping[str, str]) -> str:
    """Return a record as a line of ASCII, with its time, without secrets."""
    return json.dumps(stamped(record, unix_s, environ)) + "\n"


def stamped(record: Mapping[str, Any], unix_s: float, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return a record as the object of a line, without secrets."""
    at = datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds")
    head = {"v": VERSION, "ts": at.replace("+00:00", "Z"), "event": record["event"]}
    masked_record: dict[str, Any] = _masked(dict(record), environ)
    return head | masked_record


def unix_s_of(record: Mapping[str, Any]) -> float:
    """Return when a record was made.

    Raises:
        KeyError, TypeError, ValueError: it does not say it.
    """
    return datetime.fromisoformat(record["ts"]).timestamp()


def _named(name: str, volume: str | None, facts: Mapping[str, Any]) -> dict[str, Any]:
    return {"event": name, "volume": volume, **facts}


def _calls(counts: CallCounts, figures: CallFigures) -> dict[str, Any]:
    percentiles_s = figures.latencies.percentiles_s(list(PERCENTILES.values()))
    latency_ms = None
    if percentiles_s is not None:
        latency_ms = {
            name: round(1000 * each, 1)
            for name, each in zip(PERCENTILES, percentiles_s, strict=True)
        }
    return counts.as_dict() | {"per_s": round(figures.per_s, 2), "latency_ms": latency_ms}


def _masked(value: Any, environ: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return masked(value, environ)
    if isinstance(value, Mapping):
        return {key: _masked(each, environ) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(each, environ) for each in value]
    return value
