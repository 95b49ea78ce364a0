"""The process of one volume: ``python -m bulkput.fleet.volume_process SOCKET``. Knows no Ray.

It uploads as ``run`` does, by the share of the account's quota that it is sent, and sends what
happens. When the other side is gone, or asks for it, or the share is lost, it leaves as after a
signal: resumable.
"""

import asyncio
import contextlib
import random
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import Any

from bulkput.fleet.lease import Resource
from bulkput.fleet.protocol import (
    Order,
    SetShare,
    ShareTaken,
    StopVolume,
    VolumeFinished,
    VolumeInit,
    VolumeProgress,
)
from bulkput.fleet.share_in_force import Paced, ShareInForce
from bulkput.fleet.unfinished import failed, stopped
from bulkput.jobs.lanes.pool import open_lanes
from bulkput.jobs.lanes.pool_parts import parts_of_job
from bulkput.jobs.process.event_loop import run_in_loop
from bulkput.jobs.process.frames import receive, send
from bulkput.jobs.process.spot_interruption import until_notice
from bulkput.jobs.run import import_for_later
from bulkput.jobs.session.context import JobContext
from bulkput.jobs.session.open import open_context
from bulkput.jobs.upload.volume import upload_volume
from bulkput.model.errors import BulkputError, InUseError
from bulkput.model.events import Event, VolumeEnded, VolumeStarted
from bulkput.model.exit_code import ExitCode
from bulkput.model.interruption import InterruptedBySignal
from bulkput.model.outcome import VolumeOutcome
from bulkput.model.progress import Progress
from bulkput.pace.call_gate import SharedCallGate
from bulkput.pace.gate import Fence

COUNTS_S = 0.5
"""As often as a quota is measured by."""

Send = Callable[[object], None]


def main() -> None:
    """Work until the volume has ended; leave the process."""
    pair = socket.socket(fileno=int(sys.argv[1]))
    try:
        run_in_loop(lambda: _work(pair))
    except InterruptedBySignal as error:
        sys.exit(error.status)


async def _work(pair: socket.socket) -> None:
    reader, writer = await asyncio.open_unix_connection(sock=pair)
    try:
        init: VolumeInit | None = await receive(reader)
        if init is not None:
            await _Volume(init, reader, lambda message: send(writer, message)).run()
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


class _Counting:
    """An observer that sends all events, and the counters now and then."""

    def __init__(
        self, label: str, report: Send, held_s: Callable[[], Mapping[Resource, float]]
    ) -> None:
        self._report = report
        self._held_s = held_s
        self.progress = Progress(label)

    def on_event(self, event: Event) -> None:
        if isinstance(event, VolumeStarted):
            self.progress = event.progress
        elif isinstance(event, VolumeEnded):
            return  # its end is VolumeFinished, and the driver's to show
        self.count()  # first: who hears of a phase has its counters
        self._report(event)

    def count(self) -> None:
        self._report(VolumeProgress(self.progress, self._held_s()))

    async def keep_counting(self) -> None:
        while True:
            await asyncio.sleep(COUNTS_S)
            self.count()


class _Volume:
    """The conversation about one volume."""

    def __init__(self, init: VolumeInit, reader: asyncio.StreamReader, report: Send) -> None:
        self._order = init.order
        self._share = ShareInForce(init.share)
        self._reader = reader
        self._report = report
        self._counting = _Counting(init.order.volume, report, self._share.held_s)
        self._stopped_because = ""

    async def run(self) -> None:
        """Upload, and send what became of the volume, however it ends."""
        work = asyncio.create_task(self._upload())
        beside = [
            asyncio.create_task(each)
            for each in (
                self._hear(work),
                self._end_without_share(work),
                self._counting.keep_counting(),
            )
        ]
        try:
            outcome = await self._outcome(work)
        finally:
            await _ended(*beside)
        self._counting.count()
        self._report(VolumeFinished(outcome))
        if work.cancelled() and not self._stopped_because:
            raise asyncio.CancelledError  # a signal, whose number is the exit code

    async def _outcome(self, work: "asyncio.Task[VolumeOutcome]") -> VolumeOutcome:
        try:
            outcome = await work
        except BulkputError as error:  # of what stands around the volume
            return failed(self._order, str(error), error.status, self._counting.progress)
        except asyncio.CancelledError:
            await _ended(work)
            why = self._stopped_because or "its process was asked to end"
            return stopped(self._order, why, self._counting.progress)
        if isinstance(outcome.cause, InUseError):
            # By an attempt that was given up as lost: it ends, or brings the volume to its end.
            return replace(outcome, exit_code=int(ExitCode.TEMPORARY))
        return outcome

    async def _upload(self) -> VolumeOutcome:
        async with (
            _opened(self._order, self._counting) as (context, gates),
            open_lanes(parts_of_job(context)) as lanes,
        ):
            self._share.pace(Paced(context, lanes, gates))
            upload = upload_volume(context, context.settings.volumes[0], lanes=lanes)
            return await until_notice(context.clock, upload, context.on_notice)

    async def _hear(self, work: "asyncio.Task[VolumeOutcome]") -> None:
        """Take shares until the other side asks for the end, or has gone."""
        why = "the task that started it is gone"
        while (message := await receive(self._reader)) is not None:
            if isinstance(message, SetShare):
                self._share.set(message)
                self._report(ShareTaken(message.share.number))
            elif isinstance(message, StopVolume):
                why = message.why
                break
        self._stop(work, why)

    async def _end_without_share(self, work: "asyncio.Task[VolumeOutcome]") -> None:
        await self._share.until_lost()
        self._stop(work, "its share of the quota was not renewed")

    def _stop(self, work: "asyncio.Task[VolumeOutcome]", why: str) -> None:
        self._stopped_because = self._stopped_because or why
        work.cancel()


async def _ended(*tasks: "asyncio.Task[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def _opened(
    order: Order, observer: _Counting
) -> AsyncIterator[tuple[JobContext, dict[Resource, SharedCallGate]]]:
    """Open what the volume needs; no call starts before there is a share."""
    import_for_later(order.settings)
    opened = open_context(
        order.settings,
        observer,
        server=order.server,
        rate_limits=order.rate_limits,
        get_rate_limits=order.get_rate_limits,
    )
    async with opened as context:
        gates = {
            resource: SharedCallGate(context.clock, random.Random())  # noqa: S311 - a wait, nothing secret
            for resource in (Resource.STARTS, Resource.COMPLETES)
        }
        starts, completes = gates[Resource.STARTS], gates[Resource.COMPLETES]
        fence = Fence(is_needed=context.state_store is not None)
        with_gates = replace(context, starts=starts, completes=completes, fence=fence)
        yield replace(with_gates, delivered=order.delivered), gates


if __name__ == "__main__":
    main()
