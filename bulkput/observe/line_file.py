"""Where lines go: a file that is appended to, a pipe, stderr or another open descriptor.

Owns how each is opened and written. A new file is its owner's alone, because names of disks and
hosts are in it; one that exists keeps its permissions and its content.
"""

import contextlib
import os
import select
import stat
from pathlib import Path

_MODE = 0o600


class LineFile:
    """An open place for lines; ``write`` blocks for as long as a reader does not read."""

    def __init__(self, place: Path | str) -> None:
        """Open ``place``: a path, ``-`` for stderr, or ``fd:N``.

        Raises:
            OSError: it cannot be written to; a named pipe that nobody reads is refused as well.
        """
        if isinstance(place, Path):
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY
            # O_NONBLOCK: without it, opening a pipe waits for a reader, which may never come.
            self._descriptor = os.open(place, flags | os.O_NONBLOCK, _MODE)
            os.set_blocking(self._descriptor, True)
            if self.is_file and _is_torn(place):
                self.write("\n")
        else:
            number = 2 if place == "-" else int(place.removeprefix("fd:"))
            self._descriptor = os.dup(number)
            os.set_inheritable(self._descriptor, False)

    @property
    def is_file(self) -> bool:
        """Whether what is written stays, whoever reads it."""
        return stat.S_ISREG(os.fstat(self._descriptor).st_mode)

    def write(self, text: str) -> None:
        """Write all of ``text``.

        Raises:
            OSError: it cannot be written, such as on a full disk or when the reader has gone.
        """
        left = memoryview(text.encode("ascii", "backslashreplace"))
        while left:
            try:
                left = left[os.write(self._descriptor, left) :]
            except BlockingIOError:  # whoever opened the descriptor made it so
                waiting = select.poll()
                waiting.register(self._descriptor, select.POLLOUT)
                waiting.poll()

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._descriptor)


def _is_torn(path: Path) -> bool:
    """Return whether a file ends within a line, as one does after a full disk or a power cut.

    What is appended then begins a line of its own, and only the torn one is lost to a reader.
    """
    with contextlib.suppress(OSError), path.open("rb") as file:  # it may be for writing alone
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    return False
