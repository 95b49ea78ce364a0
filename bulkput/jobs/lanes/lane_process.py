"""The job's side of one lane: a process that is started, heard, and seen to its end."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Sequence

from bulkput.jobs.lanes.key_sender import SourceKeys
from bulkput.jobs.lanes.orders import Order
from bulkput.jobs.lanes.protocol import FromLane, Keys, LaneFailed, LaneInit, Stop, ToLane
from bulkput.jobs.process.child import how_it_ended, kill, start_child
from bulkput.jobs.process.frames import receive, send

_log = logging.getLogger(__name__)

_OUTPUT_CHUNK_BYTES = 1 << 16
"""Of what a lane prints, which is little: the most that is logged in one go."""

_END_LIMIT_S = 10.0
"""A lane without a volume takes a tenth of a second to end."""


class LaneProcess:
    """One process; whoever starts it calls ``close`` or ``kill`` at the end."""

    def __init__(
        self,
        on_message: Callable[["LaneProcess", FromLane], None],
        on_end: Callable[["LaneProcess", str], None],
    ) -> None:
        """Hear all messages, and in one clause how the process ended; both in the event loop."""
        self._on_message = on_message
        self._on_end = on_end
        self._writer: asyncio.StreamWriter | None = None
        self._passing: socket.socket | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._why: str | None = None
        self._task: asyncio.Task[None] | None = None
        self.is_to_end = False
        """Whether it was asked to, so that its end says nothing."""
        self.is_retired = False
        """Whether there are too many: it gets no more volumes, and ends when it has none."""
        self.is_ending = False
        """Whether it ends, whoever wants that: it gets no more volumes."""
        self.keys: Keys | None = None
        """What it was sent last to sign with."""
        self.source_keys = SourceKeys(self.send)
        self.silent_looks = 0
        """How often it was looked at since its last message."""
        self.busy_share = 0.0
        """Of a processor, what its event loop needed lately."""

    @property
    def name(self) -> str:
        """Its process id, in text."""
        return "?" if self._process is None else str(self._process.pid)

    @property
    def is_over(self) -> bool:
        """Whether it has ended, as far as is known."""
        return self._task is None or self._task.done()

    async def start(self, init: LaneInit) -> None:
        """Start the process.

        After a failure or a cancellation nothing of it is left.

        Raises:
            OSError: it could not be started.
        """
        with contextlib.ExitStack() as stack:
            ours, theirs = map(stack.enter_context, socket.socketpair())
            self._passing, passed = map(stack.enter_context, socket.socketpair())
            self._process = await start_child(
                "bulkput.jobs.lanes",
                (str(theirs.fileno()), str(passed.fileno())),
                stderr=asyncio.subprocess.STDOUT,
                pass_fds=(theirs.fileno(), passed.fileno()),
            )
            stack.callback(self.kill)
            reader, self._writer = await asyncio.open_unix_connection(sock=ours)
            stack.pop_all()
        theirs.close()
        passed.close()
        self._task = asyncio.create_task(self._converse(reader, self._process))
        self.keys = init.service.keys
        if init.source is not None:
            self.source_keys.keys = init.source.keys
        self.send(init)

    def order(self, order: Order, descriptors: Sequence[int]) -> None:
        """Give it a volume, with copies of ``descriptors``."""
        assert self._passing is not None  # noqa: S101 - it was started
        try:
            socket.send_fds(self._passing, [b"\0"], list(descriptors))
        except OSError:
            return  # it has ended, as will be heard
        self.send(order)

    def send(self, message: ToLane) -> None:
        """Put a message on its way; lost if the process has ended."""
        if self._writer is not None:
            send(self._writer, message)

    def stop(self) -> None:
        """Ask it to leave its volume and end; what is in flight may end."""
        self.is_to_end = self.is_ending = True
        self.send(Stop())

    def kill(self, why: str | None = None) -> None:
        """End the process at once; ``why`` in a clause, if that is not known yet."""
        self.is_ending = True
        self._why = self._why or why
        if self._process is not None:
            kill(self._process)

    async def close(self) -> None:
        """Let the process, which has no volume any more, end; it is gone afterwards."""
        self.is_to_end = True
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write_eof()
        await self.gone(_END_LIMIT_S)

    async def gone(self, limit_s: float) -> None:
        """Wait until the process has ended; kill it after ``limit_s``, or if cancelled."""
        if self._task is None:
            return
        try:
            await asyncio.wait({self._task}, timeout=limit_s)
        finally:
            self.kill()
        await asyncio.wait({self._task})

    async def _converse(
        self, reader: asyncio.StreamReader, process: asyncio.subprocess.Process
    ) -> None:
        words = asyncio.create_task(_log_output(process))
        try:
            while (message := await receive(reader)) is not None:
                if isinstance(message, LaneFailed):
                    self._why = message.sentence
                else:
                    self._on_message(self, message)
        finally:
            assert self._writer is not None  # noqa: S101 - it is started
            assert self._passing is not None  # noqa: S101 - as above
            self._writer.close()
            self._passing.close()
        try:
            async with asyncio.timeout(_END_LIMIT_S):
                await process.wait()
        except TimeoutError:
            kill(process)
        status = await process.wait()
        await words
        self._on_end(self, self._why or how_it_ended(status))


async def _log_output(process: asyncio.subprocess.Process) -> None:
    """Pass on what the process prints: warnings of libraries, the traceback of a defect."""
    assert process.stdout is not None  # noqa: S101 - it was asked for
    while words := await process.stdout.read(_OUTPUT_CHUNK_BYTES):
        for line in words.decode(errors="replace").splitlines():
            _log.warning("process %d: %s", process.pid, line)
