"""The process's limits: open files raised, connections that fit, threads, no core dumps."""

import os
import resource
import threading
from contextlib import suppress

from bulkput.model.shortage import machine_error

_FILES_MAX = 1 << 20
"""The kernel's default fs.nr_open: children that close all descriptors up to the limit take long
beyond it."""

_CORE_BYTES = 1
"""Less than any core has."""

FILES_KEPT = 64
"""Beside the connections: pipes, DNS, credentials, libraries; and for each volume:"""
_FILES_A_VOLUME = 16
"""A source (an image has one for each of its layers and connections), a ledger, a manifest."""

_FILES_NEEDED = 12
"""uvloop opens ten (epoll, signals, wakers), and one that fails in between cannot be closed."""

_THREADS_NEEDED = 14
"""Four for DNS in this process and four in the embedded server, where libuv aborts the process if
it cannot start them (src/threadpool.c), and some for reading and hashing: an upload on a machine
of two CPUs was aborted with `ulimit -u 12` and went through with 16."""


def raise_open_files() -> None:
    """Raise the soft limit of open files to the hard one, for this process and its children."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES_MAX if hard == resource.RLIM_INFINITY else min(hard, _FILES_MAX)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):
        return  # what is allowed has to do: connections are fitted to it


def forbid_core_dumps() -> None:
    """Leave no image of the memory behind a crash of this process or a child.

    Keys and blocks are in it.
    Of one byte, not of none: a handler in core_pattern is started at a limit of 0 (and
    systemd-coredump keeps the environment then), and at 1 never (fs/coredump.c). Not
    PR_SET_DUMPABLE: with it this user's other commands could not see in ``/proc/PID/fd`` that a
    disk is in use, and profilers and debuggers would need root.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0 if hard == 0 else _CORE_BYTES, hard))


def connections_that_fit(wanted: int, *, volumes: int) -> int:
    """Return how many connections there may be beside the files that are and will be open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    try:
        are_open = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - only their number
    except OSError:
        are_open = 0
    return max(1, min(wanted, soft - are_open - FILES_KEPT - volumes * _FILES_A_VOLUME))


def require_files() -> None:
    """See that the few files can be opened without which an event loop does not even end.

    Raises:
        OSError: they cannot, or EMFILE: this process may open no more.
    """
    opened: list[int] = []
    try:
        while len(opened) < _FILES_NEEDED:
            opened += os.pipe()
    finally:
        for each in opened:
            os.close(each)


def require_threads() -> None:
    """See that the few threads can be started without which nothing works.

    Raises:
        MachineError: they cannot.
    """
    leave = threading.Event()
    started = []
    try:
        for _ in range(_THREADS_NEEDED):
            thread = threading.Thread(target=leave.wait, daemon=True)
            thread.start()
            started.append(thread)
    except RuntimeError as error:
        explained = machine_error(error)
        raise error if explained is None else explained from error
    finally:
        leave.set()
        for thread in started:
            thread.join()
