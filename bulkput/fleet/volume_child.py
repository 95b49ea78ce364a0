"""The task's side of the process of one volume: started, heard, and seen to its end."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Mapping
from typing import Any

from bulkput.jobs.process.child import kill, start_child
from bulkput.jobs.process.frames import receive, send
from bulkput.model.parent import kill_with_descendants

_WORDS_MAX_BYTES = 1 << 16
"""Of what the process prints: the traceback of a defect, and what came before it."""

_WORDS_LIMIT_S = 1.0
"""After its end, for what it printed: what it started may hold the pipe for longer."""

_EXIT_LIMIT_S = 10.0
"""From the end of the conversation to that of the process: a tenth of a second, if all is well."""


class VolumeChild:
    """One process; whoever starts it calls ``end``."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process, self._reader, self._writer = process, reader, writer
        self._words = b""
        self._reading = asyncio.create_task(self._read_words())

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def last_words(self) -> str:
        """The end of what it printed."""
        return self._words.decode(errors="replace").strip()

    def send(self, message: object) -> None:
        """Put a message on its way; lost if the process has ended."""
        send(self._writer, message)

    async def messages(self) -> AsyncIterator[Any]:
        """Give what it sends, until it has ended."""
        while (message := await receive(self._reader)) is not None:
            yield message

    def kill(self) -> None:
        """End it at once, with what it started."""
        if self._process.returncode is None:
            kill_with_descendants(self._process.pid)

    async def end(self) -> int:
        """Let it end, which it does when the conversation has; return its status.

        Afterwards nothing of it is left, also after a cancellation.
        """
        self._writer.close()
        try:
            async with asyncio.timeout(_EXIT_LIMIT_S):
                await self._process.wait()
        except TimeoutError:
            self.kill()
        except asyncio.CancelledError:
            self.kill()
            raise
        finally:
            status = await self._process.wait()
            await asyncio.wait({self._reading}, timeout=_WORDS_LIMIT_S)
            self._reading.cancel()
            kill(self._process)
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()
        return status

    async def _read_words(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it was asked for
        while chunk := await self._process.stdout.read(_WORDS_MAX_BYTES):
            self._words = (self._words + chunk)[-_WORDS_MAX_BYTES:]


async def start_volume_child(environ: Mapping[str, str] = os.environ) -> VolumeChild:
    """Start a process that waits for ``VolumeInit``.

    Nothing of Ray's is in its environment, above all not the cluster's token.

    Raises:
        OSError: it could not be started.
    """
    kept = {name: value for name, value in environ.items() if not name.startswith("RAY_")}
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            process = await start_child(
                "bulkput.fleet.volume_process",
                (str(theirs.fileno()),),
                stderr=asyncio.subprocess.STDOUT,
                pass_fds=(theirs.fileno(),),
                # A crash leaves the place where it came to pass as last words.
                environ={"PYTHONFAULTHANDLER": "1", **kept},
            )
        except BaseException:
            ours.close()
            raise
    try:
        reader, writer = await asyncio.open_unix_connection(sock=ours)
    except BaseException:  # a cancellation
        ours.close()
        kill(process)
        await process.wait()
        raise
    return VolumeChild(process, reader, writer)
