"""What a run reports of itself to `bulkput fleet status`. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from bulkput import __version__
from bulkput.fleet.placement import Phase
from bulkput.model.progress import Progress

STOPPING = "stopping"
"""Whether the driver lets all attempts end."""
VERSION = "version"
"""Of the program that the run is of."""


def run_state(
    begun_unix_s: float,
    phases: Iterable[Phase],
    running: Iterable[tuple[str, Progress | None]],
    *,
    is_stopping: bool,
) -> dict[str, Any]:
    """Return the state as an object of JSON.

    Args:
        begun_unix_s: When the run began.
        phases: Of all volumes.
        running: Of each attempt its host, and its counters once it has begun.
        is_stopping: Whether it lets all of them end.
    """
    return {
        "begun_unix_s": begun_unix_s,
        STOPPING: is_stopping,
        "volumes": dict(Counter(phase.name.lower() for phase in phases)),
        "running": [_attempt(host, progress) for host, progress in running if progress is not None],
    }


def readable(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a state as it is, or of a run of another version what all of them have.

    The rest may have another form there; before there were versions, they had none: "".
    """
    if state.get(VERSION) == __version__:
        return state
    return {"job": state.get("job", "-"), VERSION: state.get(VERSION, "")}


def _attempt(host: str, progress: Progress) -> dict[str, Any]:
    total = progress.blocks_total
    return {
        "volume": progress.volume,
        "host": host,
        "phase": str(progress.phase),
        "fraction": min(1.0, progress.blocks_considered / total) if total else 0.0,
        "snapshot_id": progress.snapshot_id,
    }
