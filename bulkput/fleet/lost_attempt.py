"""What it means for an attempt that it has no end of its own: its row of retries. Pure."""

import signal
from typing import NamedTuple

from bulkput.fleet.retries import KILLED, LOST
from bulkput.model.exit_code import ExitCode


class HostLostError(Exception):
    """The host of an attempt has left the cluster, and Ray reports nothing of the attempt."""


class LostAttempt(NamedTuple):
    """An attempt that has no result of its own."""

    exit_code: int
    """As `retries` counts it."""
    error: str
    is_gone: bool
    """Its process is known to have ended; False where its host may work on, cut off."""


_KILLED = KILLED + signal.SIGKILL

_BY_NAME = {
    "OutOfMemoryError": (_KILLED, "Ray ended its task, because the host is out of memory", True),
    "WorkerCrashedError": (_KILLED, "its task was killed", True),
    "TaskCancelledError": (ExitCode.TEMPORARY, "it was cancelled", True),
    "RuntimeEnvSetupError": (ExitCode.MACHINE, "the host cannot start a task", True),
    "RayTaskError": (ExitCode.UNEXPECTED, "its task failed", True),
    "RayError": (LOST, "its host was lost", False),
    HostLostError.__name__: (LOST, "its host was lost", False),
}
"""By the names of Ray's classes, the more special ones first: nothing here needs Ray itself."""
_CONNECTION = (LOST, "the connection to the cluster was lost", False)
_GIVEN_UP = "Ray Client is not connected"


def is_lost_connection(error: BaseException) -> bool:
    """Return whether a `ray://` connection is gone, by errors that are not of Ray's own classes."""
    return isinstance(error, ConnectionError) or (
        type(error) is Exception and _GIVEN_UP in str(error)
    )


def lost_attempt(error: BaseException) -> LostAttempt:
    """Return what an error means that stands for an attempt's end; an unknown one is the task's."""
    names = [kind.__name__ for kind in type(error).__mro__]
    name = next((each for each in _BY_NAME if each in names), None)
    if name is None and is_lost_connection(error):
        return LostAttempt(*_CONNECTION)
    name = name or "RayTaskError"
    code, text, is_gone = _BY_NAME[name]
    words = str(error).strip().splitlines() or [""]
    if isinstance(getattr(error, "cause", error), ImportError):
        return LostAttempt(
            ExitCode.CONFIGURATION, f"the host has no such bulkput ({words[-1]})", is_gone=True
        )
    detail = f" ({words[-1].strip()})" if name == "RayTaskError" and words[-1] else ""
    return LostAttempt(code, text + detail, is_gone)
