"""The embedded server as a process of its own, for as long as a job needs it.

A process, not a task: it has its own core and shares no memory with what it checks, and it ends
with the job even when the job is killed. Loopback is open to every user of the machine, so each
server has a key of its own, which no other user sees.
"""

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from bulkput.ebs.credentials import Credentials
from bulkput.jobs.process.child import kill, start_child, terminate
from bulkput.ledger.folder import ensure_folder
from bulkput.ledger.state_file import open_state_file
from bulkput.ledger.storage import storage_error
from bulkput.model.errors import LedgerError, TemporaryError

_START_LIMIT_S = 30.0
"""A start takes about 0.5 s; a machine that needs sixty times as long is not usable."""

_STOP_LIMIT_S = 5.0
"""What the server may take to end in order before it is killed."""

_LAST_WORDS_MAX = 300
"""Characters of the log that a message has at most."""


class EmbeddedServer(NamedTuple):
    """Where it serves, and the one key that it accepts."""

    url: str
    credentials: Credentials


@contextlib.asynccontextmanager
async def embedded_server(root: Path) -> AsyncIterator[EmbeddedServer]:
    """Start the emulator on a free loopback port under a new key; stop it at the end.

    Raises:
        LedgerError: its folder cannot be used, or another run's server has it.
        TemporaryError: it did not come up; the message has its last words.
    """
    ensure_folder(root)
    log_path = root / "emulator.log"
    with _emptied(log_path) as log:
        credentials = Credentials(f"AKIA{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30))
        arguments = (
            *("emulator", "--port", "0", "--root", str(root)),
            *("--access-key", credentials.access_key, "--secret-key", "-"),
        )
        process = await start_child(
            "bulkput",
            arguments,
            stderr=log,
            stdin=asyncio.subprocess.PIPE,
            environ={name: value for name, value in os.environ.items() if not _has_secrets(name)},
        )
    assert process.stdin is not None  # noqa: S101 - it was asked for
    assert process.stdout is not None  # noqa: S101 - the same
    try:
        process.stdin.write(f"{credentials.secret_key}\n".encode())
        process.stdin.close()
        line = ""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_START_LIMIT_S):
                line = (await process.stdout.readline()).decode()
        if "http" not in line:
            raise _failed_start(root, log_path)
        yield EmbeddedServer(line.split()[-1], credentials)
    finally:
        await _stop(process)


def _failed_start(root: Path, log_path: Path) -> LedgerError | TemporaryError:
    from bulkput.emulator.store import SERVED_ELSEWHERE  # noqa: PLC0415 - of this failure alone

    try:
        lines = log_path.read_text("utf-8", "replace")[-_LAST_WORDS_MAX:].splitlines()
    except OSError:
        lines = []
    words = lines[-1] if lines else "it wrote nothing"
    if words.endswith(SERVED_ELSEWHERE):
        what = (
            "another rehearsal with this state folder is already running. Wait until it ends, or "
            "stop it and run again, or give this one a --state-dir of its own"
        )
        return LedgerError(root, what)
    return TemporaryError(f"the embedded server did not start ({words}); its log is {log_path}")


def _emptied(path: Path) -> BinaryIO:
    try:
        file = os.fdopen(open_state_file(path, os.O_WRONLY | os.O_CREAT), "wb")
        file.truncate(0)
    except OSError as error:
        raise storage_error(path, "write the file", error) from error
    return file


def _has_secrets(variable: str) -> bool:
    """Return whether it is about AWS or a proxy, which the server never talks to."""
    return variable.startswith("AWS_") or variable.lower().endswith("_proxy")


async def _stop(process: asyncio.subprocess.Process) -> None:
    terminate(process)
    try:
        async with asyncio.timeout(_STOP_LIMIT_S):
            await process.communicate()
    except TimeoutError:
        kill(process)
        await process.wait()
