"""What the fleet's task does on a host: one attempt at one volume, by a process of its own.

Knows no Ray: ``quota`` and ``mailbox`` are handles whose methods are called by ``.remote(...)`` and
awaited.
"""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

from bulkput import __version__
from bulkput.fleet.lease_keeper import LeaseKeeper
from bulkput.fleet.mail import PUSH_S, SILENT_S, Mail
from bulkput.fleet.protocol import (
    AttemptEnd,
    Order,
    ShareTaken,
    StopVolume,
    VolumeFinished,
    VolumeInit,
    VolumeProgress,
)
from bulkput.fleet.unfinished import failed, not_started, stopped
from bulkput.fleet.volume_child import VolumeChild, start_volume_child
from bulkput.jobs.process.child import how_it_ended
from bulkput.model.exit_code import ExitCode
from bulkput.model.outcome import NOT_STARTED, VolumeOutcome
from bulkput.model.progress import Progress
from bulkput.model.shortage import refused_call

END_MARGIN_S = 30.0
"""Beyond the grace of puts in flight, for the last cut of the state store and the ledger."""

_CRASH = "Fatal Python error"
"""How the report of a crash begins (CPython's faulthandler)."""

_LOOK_S = 1.0
"""At whether the share is lost."""


def run_volume(order: Order, quota: Any, mailbox: Any) -> AttemptEnd:
    """Make one attempt at a volume; blocks until nothing of it is left on this host.

    SIGTERM ends it in order, where this is the main thread.

    Args:
        order: What is to be done.
        quota: Has ``renew(account, Renewal)``, which returns ``Renewed``, and
            ``leave(account, Leave)``.
        mailbox: Has ``push(volume, client, messages)``, which returns whether to stop.
    """
    if order.version != __version__:
        text = f"this host has bulkput {__version__}, and the run {order.version}: they must match"
        return AttemptEnd(failed(order, text, ExitCode.CONFIGURATION))
    return asyncio.run(Attempt(order, quota, mailbox).run())


class Attempt:
    """One attempt; ``run`` once."""

    def __init__(self, order: Order, quota: Any, mailbox: Any) -> None:
        """Begin nothing yet."""
        self._order = order
        self._keeper = LeaseKeeper(order, quota)
        self._mail = Mail(order, mailbox, self.stop)
        self._progress = Progress(order.volume)
        self._finished: VolumeOutcome | None = None
        self._stopping = asyncio.Event()
        self._why = ""

    def stop(self, why: str) -> None:
        """Let it end in order, because of ``why``, a clause."""
        self._why = self._why or why
        self._stopping.set()

    async def run(self) -> AttemptEnd:
        """Upload the volume, if it has a permit; return what became of it."""
        pushing = asyncio.create_task(self._mail.run())
        end: AttemptEnd | None = None
        try:
            with _sigterm(self.stop):
                reason = await self._until_permitted()
                end = (
                    await self._upload()
                    if reason is None
                    else AttemptEnd(not_started(self._order, reason))
                )
        finally:
            pushing.cancel()
            await asyncio.gather(pushing, return_exceptions=True)
            done = end is not None and end.outcome.status in {NOT_STARTED, "completed"}
            await asyncio.gather(self._mail.push(), self._keeper.leave(is_pending=not done))
        return end

    async def _until_permitted(self) -> str | None:
        """Wait until the volume has its permit; returns why it is not to begin, if it is not."""
        loop = asyncio.get_running_loop()
        limit_s = loop.time() + SILENT_S
        while not self._stopping.is_set():
            if await self._keeper.renew():
                return "its permit is another's" if self._keeper.is_refused else None
            if loop.time() >= limit_s:
                return "nobody gives it a share of the account's quota"
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PUSH_S):
                    await self._stopping.wait()
        return self._why

    async def _upload(self) -> AttemptEnd:
        try:
            child = await start_volume_child()
        except OSError as error:
            return AttemptEnd(failed(self._order, str(refused_call(error)), ExitCode.MACHINE))
        child.send(VolumeInit(self._order, self._keeper.begin(child.send)))
        beside = [
            asyncio.create_task(each)
            for each in (self._keeper.run(), self._stop_when_lost(), self._stop_child(child))
        ]
        hearing = asyncio.create_task(self._hear(child))
        try:
            await asyncio.shield(hearing)
        except asyncio.CancelledError:
            self.stop("its task was cancelled")
            await asyncio.shield(hearing)
            raise
        finally:
            if not hearing.done():  # cancelled once more
                child.kill()
            status = await child.end()
            await _ended(hearing, *beside)
        return AttemptEnd(self._outcome(status, child.last_words), child.last_words)

    async def _hear(self, child: VolumeChild) -> None:
        async for message in child.messages():
            if isinstance(message, VolumeFinished):
                self._finished = message.outcome
            elif isinstance(message, ShareTaken):
                self._keeper.taken(message.number)
            else:
                if isinstance(message, VolumeProgress):
                    self._progress = message.progress
                    self._keeper.count(message)
                self._mail.add(message)

    async def _stop_when_lost(self) -> None:
        """The process sees to it by itself; this is for one that hangs, and for a lost permit."""
        while True:
            await asyncio.sleep(_LOOK_S)
            if self._keeper.is_lost:
                self.stop("its share of the quota was not renewed")
            if self._keeper.is_refused and self._progress.snapshot_id is None:
                self.stop("its permit is another's")

    async def _stop_child(self, child: VolumeChild) -> None:
        await self._stopping.wait()
        child.send(StopVolume(self._why))
        await asyncio.sleep(self._order.settings.tuning.shutdown_grace_s + END_MARGIN_S)
        child.kill()

    def _outcome(self, status: int, last_words: str) -> VolumeOutcome:
        """Return what the process sent, or what its end stands for."""
        if self._finished is not None:
            return self._finished
        if self._stopping.is_set():
            return stopped(self._order, self._why, self._progress)
        text = f"its process is gone: {how_it_ended(status)}. {_line_of(last_words)}".strip()
        code = 128 - status if status < 0 else status or ExitCode.UNEXPECTED
        return failed(self._order, text, code, self._progress)


def _line_of(words: str) -> str:
    """Return the line that says most: a crash's, which comes before its stack, or the last one."""
    lines = words.splitlines() or [""]
    return next((line for line in reversed(lines) if line.startswith(_CRASH)), lines[-1])


async def _ended(*tasks: "asyncio.Task[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.contextmanager
def _sigterm(stop: Any) -> Iterator[None]:
    """Have SIGTERM call ``stop`` meanwhile, where this thread may ask for that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop, "its host ends")
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        if before is not None:
            signal.signal(signal.SIGTERM, before)
