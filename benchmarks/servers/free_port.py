"""Loopback ports: a free one, and the wait until somebody listens on it."""

import socket
import time

from benchmarks.measure.process import Child, ChildFailedError

_LOOK_S = 0.02


def free_port() -> int:
    """Return a loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_open(port: int, child: Child, timeout_s: float) -> None:
    """Return as soon as ``child`` accepts connections on ``port``.

    Raises:
        ChildFailedError: it ended, or does not listen in time.
    """
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        if child.ended_within(_LOOK_S):
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise ChildFailedError(f"{child.name} does not listen on port {port}: {child.last_output()}")
