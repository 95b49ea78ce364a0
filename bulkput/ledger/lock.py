"""One writer a folder: an exclusive lock that the kernel drops with its process, killed or not."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bulkput.ledger.closing import Closing
from bulkput.ledger.state_file import open_state_file
from bulkput.ledger.storage import storage_error, write_all
from bulkput.model.clock import pause_thread
from bulkput.model.errors import InUseError

LOCK_NAME = "lock"
_HOLDER_MAX_BYTES = 32
"""A process id, the number of runs and two newlines, with room to spare."""

_LOOKS = 20
_LOOK_S = 0.005
"""A tenth of a second in all: longer than others hold it who do not work here. Those are whoever
looks at the holder, and a child that some thread has just forked, until it has begun its program:
milliseconds on a busy machine."""


class Holder(NamedTuple):
    """Who works in a folder now."""

    process_id: int | None
    """As it wrote itself; None where that cannot be read."""
    host: str | None = None
    """Where a state store says it."""

    def __str__(self) -> str:
        who = "another process" if self.process_id is None else f"process {self.process_id}"
        return who if self.host is None else f"{who} on {self.host}"


def holder_of(folder: Path) -> Holder | None:
    """Return who holds ``folder`` now, or None if nobody does; only looks.

    For that moment, some microseconds, the lock is shared: several may look at once, and a process
    that wants it in this very moment waits.

    Raises:
        LedgerError: the lock cannot be read.
    """
    with _opened(folder) as descriptor:
        if descriptor is None:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _written_holder(descriptor)
        except OSError as error:
            raise storage_error(folder / LOCK_NAME, "read the lock", error) from error
        return None


def runs_of(folder: Path) -> int:
    """Return how many runs have worked in ``folder`` since it was begun anew; 0 if none did.

    Raises:
        LedgerError: the lock cannot be read.
    """
    with _opened(folder) as descriptor:
        return 0 if descriptor is None else _written(descriptor)[1]


def already_running(folder: Path, holder: Holder, what: str = "upload") -> InUseError:
    """Return the error for a second process that wants what ``holder`` works on."""
    return InUseError(
        folder,
        f"this {what} is already running: {holder} is working on this {what}. Wait until it ends, "
        "or stop it and run again",
    )


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int | None]:
    """Give the lock's file to read; None if there is none."""
    path = folder / LOCK_NAME
    try:
        descriptor = open_state_file(path, os.O_RDONLY)
    except FileNotFoundError:
        yield None
        return
    except OSError as error:
        raise storage_error(path, "open the lock", error) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _written_holder(descriptor: int) -> Holder:
    return Holder(_written(descriptor)[0])


def _written(descriptor: int) -> tuple[int | None, int]:
    """Return the process that wrote itself into the lock last, and the number of runs."""
    text = os.pread(descriptor, _HOLDER_MAX_BYTES, 0).decode("ascii", "replace")
    process_id, _, runs = text.partition("\n")
    found = [int(each) if each.strip().isdecimal() else None for each in (process_id, runs)]
    return found[0], found[1] or 0


class FolderLock(Closing):
    """Holds ``folder`` for this process from construction until ``close``.

    The file stays behind unlocked, unless the whole ledger is removed; so after locking it is made
    sure that the file locked is still the one of that name, or two processes could each hold one.

    Args:
        folder: What is held.
        what: What is done in it, for the message.

    Raises:
        LedgerError: another process holds the folder (it is named), or the file cannot be opened.
    """

    def __init__(self, folder: Path, what: str = "upload") -> None:
        self._path = folder / LOCK_NAME
        self._what = what
        try:
            self._descriptor = open_state_file(self._path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise storage_error(self._path, "open the lock", error) from error
        try:
            self._take()
        except BaseException:
            os.close(self._descriptor)
            raise

    def _take(self) -> None:
        try:
            self._wait_for_looks()
            if not self._is_in_place():
                raise InUseError(self._path.parent, "was removed just now. Run again")
            self._write(_written(self._descriptor)[1])
        except BlockingIOError:
            raise already_running(
                self._path.parent, _written_holder(self._descriptor), self._what
            ) from None
        except OSError as error:
            raise storage_error(self._path, "take the lock", error) from error

    def _wait_for_looks(self) -> None:
        for look in range(1, _LOOKS + 1):
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if look == _LOOKS:
                    raise
                pause_thread(_LOOK_S)
            else:
                return

    def count_run(self, *, anew: bool = False) -> None:
        """Take note that a run works here; ``anew`` that it is the first.

        Raises:
            LedgerError: it cannot be written.
        """
        try:
            self._write(1 if anew else _written(self._descriptor)[1] + 1)
        except OSError as error:
            raise storage_error(self._path, "write the lock", error) from error

    def _write(self, runs: int) -> None:
        os.ftruncate(self._descriptor, 0)
        write_all(self._descriptor, f"{os.getpid()}\n{runs}\n".encode(), 0)

    def _is_in_place(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._path.lstat())
        except FileNotFoundError:
            return False

    @property
    def descriptor(self) -> int:
        """What holds it: as long as a copy is open in any process, nobody else gets it."""
        return self._descriptor

    def close(self) -> None:
        """Let others in; idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
