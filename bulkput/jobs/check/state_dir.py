"""The state folder: whether it can be written, and whether the ledgers fit."""

import os
from pathlib import Path

from bulkput.jobs.check.finding import Finding, failure, ok
from bulkput.ledger.room import free_bytes, needed_bytes
from bulkput.model.exit_code import ExitCode
from bulkput.model.size import format_size

_NAME = "state folder"
_ELSEWHERE = "Name another state_dir (--state-dir)"


def look_at_state(state_dir: Path, block_count: int) -> Finding:
    """Judge ``state_dir``, which need not exist; changes nothing.

    Args:
        state_dir: As configured.
        block_count: Of all sources together: each takes a record and a digest.
    """
    try:
        there = next(path for path in (state_dir, *state_dir.absolute().parents) if path.exists())
        owner, is_folder = there.stat().st_uid, there.is_dir()
        free = free_bytes(there)
    except (OSError, StopIteration) as error:
        what = f"{state_dir} cannot be examined: {getattr(error, 'strerror', None) or error}"
        return failure(_NAME, what, _ELSEWHERE, ExitCode.CONFIGURATION)
    if not is_folder:
        return failure(_NAME, f"{there} is not a folder", _ELSEWHERE, ExitCode.CONFIGURATION)
    if there == state_dir and owner != os.geteuid():
        what = f"{there} belongs to user id {owner}, and this is user id {os.geteuid()}"
        advice = f"Run as the same user. {_ELSEWHERE}"
        return failure(_NAME, what, advice, ExitCode.CONFIGURATION)
    if not os.access(there, os.W_OK | os.X_OK):
        return failure(_NAME, f"{there} cannot be written", _ELSEWHERE, ExitCode.CONFIGURATION)
    needed = needed_bytes(block_count)
    shown = "unknown room" if free is None else f"{format_size(free)} free"
    what = f"{state_dir}: {shown}, at most {format_size(needed)} needed"
    if free is not None and free < needed:
        advice = f"Make room. {_ELSEWHERE}"
        return failure(_NAME, what, advice, ExitCode.TEMPORARY)
    return ok(_NAME, what)
