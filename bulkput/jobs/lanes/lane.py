"""What a lane does: what a job asks it to do for volumes, one at a time, and reports how far it is.

It owns nothing that there is one of: neither header nor seal, neither quota nor decision. SIGTERM
ends it as it ends a job: puts under way may end, and what is not settled is another's to do.
"""

import asyncio
import contextlib
import errno
import os
import socket
import sys
import traceback
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

from bulkput.ebs.service import Service
from bulkput.jobs.lanes.lane_gets import LaneComparison
from bulkput.jobs.lanes.lane_restore import LaneRestore
from bulkput.jobs.lanes.lane_upload import LaneUpload
from bulkput.jobs.lanes.lane_volume import LaneTools, LaneVolume
from bulkput.jobs.lanes.loop_load import LoopLoad
from bulkput.jobs.lanes.orders import Order, PutOrder, RestoreOrder, SharedSnapshot
from bulkput.jobs.lanes.protocol import (
    Keys,
    KeysRefreshed,
    LaneEnd,
    LaneFailed,
    LaneInit,
    LaneLeft,
    LaneProgress,
    OfSource,
    Stop,
    ToLane,
    ToVolume,
    WantKeys,
)
from bulkput.jobs.lanes.sent_credentials import SentCredentials
from bulkput.jobs.process.event_loop import run_in_loop
from bulkput.jobs.process.frames import receive, send
from bulkput.jobs.session.connection import deadlines_of, open_connection
from bulkput.jobs.session.threads import worker_count
from bulkput.model.errors import BulkputError
from bulkput.model.interruption import InterruptedBySignal
from bulkput.model.shortage import machine_error
from bulkput.pipeline.cause import first_cause
from bulkput.pipeline.workers import ThreadWorkers

COUNTS_S = 0.25
"""As often as a display is drawn."""

_HASH_WORKERS_MAX = 2
"""One thread reads while the other hashes; other processes have theirs."""

_UNREAD_MAX_BYTES = 1 << 20
"""Of messages to a job that does not read them, being stopped (Ctrl-Z): beyond it counters are
not sent."""

_DESCRIPTORS_MAX = 128
"""A chain of images has 64 layers at most; the kernel passes 253 at once."""


def work_for(messages: int, descriptors: int) -> None:
    """Work until the job on the other side of two sockets closes them; leave the process."""
    pair = socket.socket(fileno=messages)
    with socket.socket(fileno=descriptors) as passed:
        try:
            run_in_loop(lambda: _work(pair, passed))
        except InterruptedBySignal as error:
            sys.exit(error.status)


async def _work(pair: socket.socket, passed: socket.socket) -> None:
    reader, writer = await asyncio.open_unix_connection(sock=pair)
    try:
        init: LaneInit | None = await receive(reader)
        if init is not None:
            await _serve(init, reader, writer, passed)
    except Exception as error:  # noqa: BLE001 - the job reports it; here nobody would see it
        send(writer, LaneFailed(_sentence(error)))
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def _serve(
    init: LaneInit,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    passed: socket.socket,
) -> None:
    report = partial(send, writer)
    async with contextlib.AsyncExitStack() as stack:
        workers = ThreadWorkers(min(worker_count(init.service.settings.tuning), _HASH_WORKERS_MAX))
        stack.callback(workers.close)
        keys = SentCredentials(init.service.keys, partial(report, WantKeys()))
        service = await stack.enter_async_context(_opened(init.service, keys))
        tools = LaneTools(init.service.settings, service, workers, report)
        source_keys = None
        if init.source is not None:
            source_keys = SentCredentials(init.source.keys, partial(report, OfSource(WantKeys())))
            service = await stack.enter_async_context(_opened(init.source, source_keys))
            source = replace(tools, settings=init.source.settings, service=service)
            tools = replace(tools, source=source)
        async with asyncio.TaskGroup() as group:
            await _Lane(tools, keys, source_keys, reader, writer, passed, group).run()


@contextlib.asynccontextmanager
async def _opened(end: LaneEnd, credentials: SentCredentials) -> AsyncIterator[Service]:
    tuning = end.settings.tuning
    async with open_connection(
        end.settings,
        connections_max=tuning.in_flight_max,
        deadlines=deadlines_of(tuning),
        server=end.server,
        credentials=credentials,
    ) as service:
        service.note_answered()  # to the job, which has begun its volume
        yield service


class _Lane:
    """The conversation; at most one volume at a time."""

    def __init__(
        self,
        tools: LaneTools,
        keys: SentCredentials,
        source_keys: SentCredentials | None,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        passed: socket.socket,
        group: asyncio.TaskGroup,
    ) -> None:
        self._tools = tools
        self._keys = keys
        self._source_keys = source_keys
        self._reader = reader
        self._writer = writer
        self._passed = passed
        self._group = group
        self._volume: LaneVolume | None = None
        self._working: asyncio.Task[None] | None = None
        self._load = LoopLoad()

    async def run(self) -> None:
        """Do what the job asks for, until it asks for nothing more."""
        counting = self._group.create_task(self._keep_counting())
        try:
            while (message := await receive(self._reader)) is not None:
                if isinstance(message, Stop):
                    break
                self._take(message)
        finally:
            counting.cancel()
            if self._working is not None:
                self._working.cancel()

    def _take(self, message: ToLane) -> None:
        if isinstance(message, Keys | KeysRefreshed):
            _adopt(self._keys, message)
        elif isinstance(message, OfSource):
            _adopt(self._source_keys, message.message)
        elif isinstance(message, Order):
            _, descriptors, flags, _ = socket.recv_fds(self._passed, 1, _DESCRIPTORS_MAX)
            if flags & socket.MSG_CTRUNC:  # those that this process has no room for
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            self._volume = _ordered(message, descriptors, self._tools)
            self._working = self._group.create_task(self._work(self._volume))
        elif self._volume is not None and isinstance(message, ToVolume):
            self._volume.take(message)  # else it crossed its leaving the volume

    async def _work(self, volume: LaneVolume) -> None:
        """Do what is asked for, until there is no more, it fails or it is stopped.

        After a defect nothing is sent here: ``LaneFailed`` is, as it ends the process.
        """
        left: LaneLeft | None = None
        try:
            await volume.run()
            left = LaneLeft()
        except BulkputError as failure:
            left = LaneLeft(failure)
        except asyncio.CancelledError:
            left = LaneLeft(end="it was told to end")
            raise
        finally:
            self._count()
            self._volume = self._working = None
            if left is not None:
                send(self._writer, left)

    async def _keep_counting(self) -> None:
        """Send the counters every ``COUNTS_S``, for ever."""
        while True:
            await asyncio.sleep(COUNTS_S)
            if self._writer.transport.get_write_buffer_size() <= _UNREAD_MAX_BYTES:
                self._count()

    def _count(self) -> None:
        busy_share = self._load.busy_share()
        if self._volume is not None:
            reports = tuple(calls.report() for calls in self._volume.calls)
            held_bytes = self._volume.budget.claimed_bytes
            send(self._writer, LaneProgress(reports, busy_share, held_bytes))


def _adopt(credentials: SentCredentials | None, message: object) -> None:
    if credentials is None:
        return
    if isinstance(message, Keys):
        credentials.adopt(message)
    elif isinstance(message, KeysRefreshed):
        credentials.refreshed(message)


def _ordered(order: Order, descriptors: list[int], tools: LaneTools) -> LaneVolume:
    if isinstance(order, PutOrder) and isinstance(order.source, SharedSnapshot):
        from bulkput.jobs.lanes.lane_copy import LaneCopy  # noqa: PLC0415 - only a copy pays

        return LaneCopy(order, descriptors, tools)
    if isinstance(order, PutOrder):
        return LaneUpload(order, descriptors, tools)
    if isinstance(order, RestoreOrder):
        return LaneRestore(order, descriptors, tools)
    return LaneComparison(order, descriptors, tools)


def _sentence(error: Exception) -> str:
    cause = first_cause(error) if isinstance(error, ExceptionGroup) else error
    explained = cause if isinstance(cause, BulkputError) else machine_error(cause)
    if explained is not None:
        return str(explained)
    traceback.print_exception(cause)
    return (
        f"unexpected {type(cause).__name__}: {cause}. This is a defect of bulkput: please report "
        "it with the lines printed before"
    )
