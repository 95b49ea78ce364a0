"""A program that lists volumes: run once, bounded in time and output, and ended with us.

It stays in our group of processes, so that it may ask for a password on the terminal and Ctrl-C
reaches it; any other signal to us alone ends it too, with what it started.
"""

import contextlib
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from bulkput.model.parent import die_with_parent, kill_with_descendants

COMMAND_LIMIT_S = 600.0
"""A list of disks from the API of a hypervisor takes seconds; ten minutes is no list any more."""

_PIECE_BYTES = 1 << 16
_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class CommandError(Exception):
    """The program gave no list; the text says why, and repeats nothing of it."""


def output_of(command: tuple[str, ...], folder: Path, *, limit_bytes: int) -> bytes:
    """Run a program and return what it wrote to standard output. Blocks.

    Args:
        command: Program and arguments; no shell.
        folder: Where it runs.
        limit_bytes: Of its output.

    Raises:
        CommandError: it cannot be run, failed, took too long or wrote too much.
    """
    with _ended_with_us() as started:
        try:
            process = subprocess.Popen(  # noqa: S603 - what the user wrote, and allowed
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                preexec_fn=die_with_parent(),  # noqa: PLW1509 - a system call alone
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "its name or arguments cannot be"
            raise CommandError(f"the program cannot be run: {reason}") from error
        started(process)
        with process, _ended(process):
            output = _read(process, limit_bytes)
            if process.wait():
                raise CommandError(f"the program ended with code {process.returncode}")
            return output


def _read(process: subprocess.Popen[bytes], limit_bytes: int) -> bytes:
    """Return all that it writes, until every process that can write has ended or closed."""
    assert process.stdout is not None  # noqa: S101 - a pipe
    end_s = time.monotonic() + COMMAND_LIMIT_S
    output = bytearray()
    with selectors.DefaultSelector() as ready:
        ready.register(process.stdout, selectors.EVENT_READ)
        while True:
            if not ready.select(max(end_s - time.monotonic(), 0.0)):
                if time.monotonic() < end_s:
                    continue
                what = f"the program did not end within {COMMAND_LIMIT_S:.0f} s"
                raise CommandError(what)
            piece = os.read(process.stdout.fileno(), _PIECE_BYTES)
            if not piece:
                break
            output += piece
            if len(output) > limit_bytes:
                raise CommandError(f"the program wrote more than {limit_bytes >> 20} MiB")
    try:
        process.wait(max(end_s - time.monotonic(), 0.0))
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"the program did not end within {COMMAND_LIMIT_S:.0f} s") from error
    return bytes(output)


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Let nothing of the program outlive the context."""
    try:
        yield
    finally:
        if process.poll() is None:
            kill_with_descendants(process.pid)


@contextlib.contextmanager
def _ended_with_us() -> Iterator[Callable[[subprocess.Popen[bytes]], None]]:
    """Let nothing of the program outlive a signal that ends this process.

    Yields what takes the process. A signal that comes before it is known, while it is being
    started, waits for that: else what the program has started already would stay.
    """
    before: dict[int, Any] = {}
    running: list[subprocess.Popen[bytes]] = []
    waiting: list[int] = []

    def end(number: int, _: FrameType | None) -> None:
        if not running:
            waiting.append(number)
            return
        kill_with_descendants(running[0].pid)
        signal.signal(number, before[number])
        os.kill(os.getpid(), number)

    def started(process: subprocess.Popen[bytes]) -> None:
        running.append(process)
        if waiting:
            end(waiting[0], None)

    if threading.current_thread() is threading.main_thread():
        before = {
            number: signal.getsignal(number)
            for number in _SIGNALS
            if signal.getsignal(number) is not signal.SIG_IGN
        }
        for number in before:
            signal.signal(number, end)
    try:
        yield started
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if waiting and not running:  # it could not be started: the signal is ours alone
            os.kill(os.getpid(), waiting[0])
