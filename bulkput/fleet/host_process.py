"""The process of a host: `ray start` as Ray has it, but in order when it is asked to end.

Ray lets work go on for half a minute then, kills what is not done, and ends with 1, which a service
manager takes for a failure. Here the processes of volumes are asked to end at once, which leaves
them resumable by others, and the exit code is that of the signal.
"""

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import FrameType

from bulkput.model.parent import descendants

_ENDS = frozenset({signal.SIGTERM, signal.SIGINT})
_VOLUME = b"bulkput.fleet.volume_process"


def main() -> None:
    """Run Ray's command line with this process's arguments."""
    sys.argv[0] = "ray"
    came: list[int] = []
    signal.signal(signal.SIGINT, _end_as_by_sigterm)
    try:
        with noted_signals(end_volumes, came):
            import_module("ray.scripts.scripts").main()
    except SystemExit as end:  # all that came is noted by now
        if end.code and came:
            sys.exit(128 + came[0])
        raise


def _end_as_by_sigterm(number: int, _frame: FrameType | None) -> None:
    """Do after Ctrl-C what Ray does in order after SIGTERM alone, once it has begun."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        sys.exit(128 + number)
    signal.raise_signal(signal.SIGTERM)


def end_volumes() -> None:
    """Ask the processes of volumes on this host to end, as after a signal."""
    for pid in descendants(os.getpid()):
        with contextlib.suppress(OSError):  # it has ended
            if _VOLUME in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGTERM)


@contextlib.contextmanager
def noted_signals(act: Callable[[], None], came: list[int]) -> Iterator[None]:
    """Note in ``came`` the numbers of signals that end this process, beside whoever handles them.

    ``act`` is called for each, in a thread: Ray's own handler holds the main one.
    """
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)

    def note() -> None:
        while numbers := ours.recv(64):
            for number in _ENDS.intersection(numbers):
                came.append(int(number))
                act()

    thread = threading.Thread(target=note, daemon=True)
    with ours, theirs:
        thread.start()
        before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
            theirs.close()
            thread.join(1.0)


if __name__ == "__main__":
    main()
