"""The process of a host: `ray start` as Ray has it, with this program's exit codes.

Ray ends with 1 when it was asked to end, which a service manager takes for a failure.
"""

import contextlib
import signal
import socket
import sys
from collections.abc import Iterator
from importlib import import_module


def main() -> None:
    """Run Ray's command line with this process's arguments."""
    sys.argv[0] = "ray"
    with signals_of_this_process() as came:
        try:
            import_module("ray.scripts.scripts").main()
        except SystemExit as end:
            number = next((each for each in came() if each in _ENDS), None)
            if end.code and number is not None:
                sys.exit(128 + number)
            raise


_ENDS = frozenset({signal.SIGTERM, signal.SIGINT})


@contextlib.contextmanager
def signals_of_this_process() -> Iterator["Came"]:
    """Take note of signals beside whoever handles them; gives what has come."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        try:
            yield Came(ours)
        finally:
            signal.set_wakeup_fd(before)


class Came:
    """Signals that have come."""

    def __init__(self, pair: socket.socket) -> None:
        """Read their numbers from ``pair``."""
        self._pair = pair

    def __call__(self) -> list[int]:
        """Return those that came since the last call."""
        try:
            return list(self._pair.recv(4096))
        except BlockingIOError:
            return []


if __name__ == "__main__":
    main()
