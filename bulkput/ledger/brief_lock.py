"""A lock that is held for moments, to read a file, change it and replace it; others wait for it.

The kernel drops it with its process, killed or not. Knows nothing of what is changed.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bulkput.ledger.state_file import open_state_file
from bulkput.ledger.storage import storage_error
from bulkput.model.errors import InUseError

WAIT_MAX_S = 60.0
"""The record of 10,000 volumes, with a look at each ledger, takes some seconds."""
_POLL_S = 0.02


@contextlib.contextmanager
def brief_lock(
    path: Path,
    *,
    monotonic_s: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[None]:
    """Hold the file ``path``, which stays behind. Blocks while another process holds it.

    Raises:
        LedgerError: it cannot be opened or locked, or is held for longer than ``WAIT_MAX_S``.
        TemporaryError: the disk is full.
    """
    try:
        descriptor = open_state_file(path, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise storage_error(path, "open the lock", error) from error
    try:
        give_up_s = monotonic_s() + WAIT_MAX_S
        while not _is_taken(path, descriptor):
            if monotonic_s() > give_up_s:
                text = f"another process has held this lock for {WAIT_MAX_S:.0f} s. Run again"
                raise InUseError(path, text)
            sleep(_POLL_S)
        yield
    finally:
        os.close(descriptor)


def _is_taken(path: Path, descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise storage_error(path, "take the lock", error) from error
    return True
