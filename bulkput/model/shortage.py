"""What this machine has no more of: the one table for errors that are neither the user's nor ours.

They pass when there is more of it, and a run that met one resumes.
"""

import errno

from bulkput.model.errors import MachineError

_FILES = (
    "this process may open no more files: raise the limit (`ulimit -n`), or lower "
    "tuning.in_flight_max or parallel"
)
_THREADS = (
    "no more threads or processes may be started: raise the limit (`ulimit -u`, or the "
    "container's limit of processes), or end others"
)
_MEMORY = "there is no memory left: lower tuning.memory_budget or parallel, or end other programs"

_BY_NUMBER = {
    errno.EMFILE: _FILES,
    errno.ENFILE: "the machine can open no more files: raise fs.file-max, or end other programs",
    errno.ENOMEM: _MEMORY,
    errno.EAGAIN: _THREADS,
}


def shortage_of(error: BaseException) -> str | None:
    """Return what is short and what to do about it, if that is what ``error`` means."""
    if isinstance(error, MemoryError):
        return _MEMORY
    if isinstance(error, OSError):
        return _BY_NUMBER.get(error.errno or 0)
    # CPython's word where pthread_create fails (Modules/_threadmodule.c).
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return _THREADS
    return None


def refused_call(error: OSError) -> MachineError:
    """Return the error of a call to the system that failed where nobody expected it to."""
    what = shortage_of(error) or f"the system refused a call: {error}"
    made = MachineError(f"{what}. When that is mended, run the same command again: it resumes")
    made.__cause__ = error
    return made


def machine_error(error: BaseException, doing: str = "") -> MachineError | None:
    """Return the error that explains ``error``, met while ``doing`` something, if it is one."""
    what = shortage_of(error)
    return None if what is None else MachineError(f"{doing}: {what}" if doing else what)
