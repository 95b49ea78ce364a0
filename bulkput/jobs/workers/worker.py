"""What a worker process does: uploads the volumes that a job hands to it, and reports what happens.

SIGTERM ends it as it ends a job: puts under way may end, ledgers are flushed. So does the end of
the job on the other side.
"""

import asyncio
import contextlib
import socket
import sys
import traceback
from typing import TYPE_CHECKING, Any

from bulkput.jobs.process.event_loop import run_in_loop
from bulkput.jobs.session.open import open_context
from bulkput.jobs.upload.volume import upload_volume
from bulkput.jobs.workers.protocol import (
    ProgressUpdate,
    SetRateLimit,
    UploadVolume,
    WorkerFailed,
    WorkerInit,
    receive,
    send,
)
from bulkput.model.errors import BulkputError, InterruptedBySignal
from bulkput.model.events import Event, GetRetried, PutRetried, VolumeEnded, VolumeStarted
from bulkput.model.exit_code import ExitCode
from bulkput.pipeline.cause import first_cause

if TYPE_CHECKING:
    from bulkput.model.progress import Progress

COUNTS_S = 0.25
"""As often as a display is drawn."""

_UNREAD_MAX_BYTES = 1 << 20
"""Of messages to a job that does not read them, being stopped (Ctrl-Z): beyond it counters and
retries, of which there may be thousands, are not sent."""


def work_for(descriptor: int) -> None:
    """Work until the job on the other side of a socket has no more volumes; leave the process."""
    pair = socket.socket(fileno=descriptor)
    try:
        run_in_loop(lambda: _work(pair))
    except InterruptedBySignal as error:
        sys.exit(error.status)


async def _work(pair: socket.socket) -> None:
    reader, writer = await asyncio.open_unix_connection(sock=pair)
    try:
        hired: WorkerInit | None = await receive(reader)
        if hired is not None:
            await _serve(hired, reader, _Teller(writer))
    except Exception as error:  # noqa: BLE001 - the job reports it; here nobody would see it
        send(writer, _gave_up(error))
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def _serve(hired: WorkerInit, reader: asyncio.StreamReader, teller: "_Teller") -> None:
    settings = hired.settings
    context_of = open_context(settings, teller, server=hired.server, rate_limits=hired.rate_limits)
    async with context_of as context, asyncio.TaskGroup() as group:
        tasks: list[asyncio.Task[Any]] = [group.create_task(teller.keep_counting())]
        while (message := await receive(reader)) is not None:
            if isinstance(message, UploadVolume):
                volume = settings.volumes[message.position]
                tasks.append(group.create_task(upload_volume(context, volume)))
            elif isinstance(message, SetRateLimit):
                context.account.set_ceiling(context.clock.monotonic_s(), message.puts_per_s)
        for task in tasks:  # nothing to do, or nobody to do it for
            task.cancel()


class _Teller:
    """An Observer that sends what it hears, counters first, so that both are of one moment."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._counted: dict[str, Progress] = {}

    def on_event(self, event: Event) -> None:
        if isinstance(event, PutRetried | GetRetried):
            if not self._is_unread():
                send(self._writer, event)
            return
        self._count()
        if isinstance(event, VolumeStarted):
            self._counted[event.progress.volume] = event.progress
        elif isinstance(event, VolumeEnded):
            self._counted.pop(event.outcome.volume, None)
        send(self._writer, event)

    async def keep_counting(self) -> None:
        """Send all counters every ``COUNTS_S``, for ever."""
        while True:
            await asyncio.sleep(COUNTS_S)
            self._count()

    def _count(self) -> None:
        if not self._is_unread():
            for progress in self._counted.values():
                send(self._writer, ProgressUpdate(progress))

    def _is_unread(self) -> bool:
        return self._writer.transport.get_write_buffer_size() > _UNREAD_MAX_BYTES


def _gave_up(error: Exception) -> WorkerFailed:
    cause = first_cause(error) if isinstance(error, ExceptionGroup) else error
    if isinstance(cause, BulkputError):
        return WorkerFailed(str(cause), cause.status)
    traceback.print_exception(cause)
    sentence = (
        f"unexpected {type(cause).__name__} in a worker process: {cause}. This is a defect of "
        "bulkput: please report it with the lines printed before"
    )
    return WorkerFailed(sentence, int(ExitCode.UNEXPECTED))
