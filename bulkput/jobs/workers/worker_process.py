"""The job's side of one worker process: volumes go in, events and outcomes come out.

However the process ends, every volume that it had gets an outcome.
"""

import asyncio
import dataclasses
import logging
import signal
import socket
from dataclasses import dataclass

from bulkput.config.volume import VolumeSettings
from bulkput.jobs.process.child import kill, start_child, terminate
from bulkput.jobs.workers.protocol import (
    FromWorker,
    ProgressUpdate,
    SetRateLimit,
    ToWorker,
    UploadVolume,
    WorkerFailed,
    WorkerInit,
    receive,
    send,
)
from bulkput.model.clock import Clock
from bulkput.model.events import Observer, VolumeEnded, VolumeStarted
from bulkput.model.exit_code import ExitCode
from bulkput.model.outcome import VolumeOutcome
from bulkput.model.progress import Phase, Progress

_log = logging.getLogger(__name__)

_OUTPUT_CHUNK_BYTES = 1 << 16
"""Of what a worker prints, which is little: the most that is logged in one go."""

_END_LIMIT_S = 10.0
"""A worker without volumes takes a tenth of a second to end."""


@dataclass(frozen=True)
class _Taken:
    """A volume that the process has, with a mirror of its counters."""

    volume: VolumeSettings
    progress: Progress
    outcome: "asyncio.Future[VolumeOutcome]"
    started_s: float


class WorkerProcess:
    """One process, for one event loop; whoever makes it calls ``close`` or ``stop`` at the end."""

    def __init__(self, hired: WorkerInit, *, observer: Observer, clock: Clock) -> None:
        """Begin to start the process; volumes may be handed to it at once."""
        self._observer = observer
        self._clock = clock
        self._taken: dict[str, _Taken] = {}
        self._unsent: list[ToWorker] = [hired]
        self._writer: asyncio.StreamWriter | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._is_stopping = False
        self._is_over = False
        self._gave_up: WorkerFailed | None = None
        self._share_puts_per_s = hired.rate_limits.account_puts_per_s
        self._task = asyncio.create_task(self._run())

    @property
    def is_over(self) -> bool:
        """Whether the process has ended or is about to, and takes no volume any more."""
        return self._is_over or self._is_stopping

    @property
    def volumes(self) -> dict[str, Progress]:
        """The counters of the volumes that it has, by name."""
        return {label: taken.progress for label, taken in self._taken.items()}

    def take(self, position: int, volume: VolumeSettings) -> "asyncio.Future[VolumeOutcome]":
        """Hand a volume to the process; return where its outcome will be.

        A cancellation of the future is not passed on: ``stop`` ends all that the process has.
        """
        outcome = asyncio.get_running_loop().create_future()
        taken = _Taken(volume, Progress(volume.label), outcome, self._clock.monotonic_s())
        self._taken[volume.label] = taken
        self._send(UploadVolume(position))
        return outcome

    def allow(self, puts_per_s: float) -> None:
        """Send the process its part of the account's puts."""
        if puts_per_s != self._share_puts_per_s:
            self._share_puts_per_s = puts_per_s
            self._send(SetRateLimit(puts_per_s))

    async def close(self) -> None:
        """Let the process, which has no volume any more, end; it is gone afterwards."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write_eof()
        await self._gone_within(_END_LIMIT_S)

    async def stop(self, limit_s: float) -> None:
        """Ask the process to leave its volumes in order; it is gone afterwards.

        Args:
            limit_s: after it the process is killed.
        """
        if not self._is_stopping:  # a second signal would end it at once
            self._is_stopping = True
            if self._process is not None:
                terminate(self._process)
        await self._gone_within(limit_s)

    async def _gone_within(self, limit_s: float) -> None:
        try:
            async with asyncio.timeout(limit_s):
                await asyncio.shield(self._task)
        except TimeoutError:
            if self._process is not None:
                kill(self._process)
            await self._task

    def _send(self, message: ToWorker) -> None:
        if self._writer is None:
            self._unsent.append(message)
        else:
            send(self._writer, message)

    async def _run(self) -> None:
        how = "was given up"
        try:
            how = await self._converse()
        except OSError as error:
            how = f"could not be started: {error}"
        finally:
            self._is_over = True
            if self._process is not None:
                kill(self._process)
            self._abandon(how)

    async def _converse(self) -> str:
        """Start the process, listen until it has ended, and return how it did.

        Raises:
            OSError: it could not be started.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = await start_child(
                    "bulkput.jobs.workers",
                    (str(theirs.fileno()),),
                    stderr=asyncio.subprocess.STDOUT,
                    pass_fds=(theirs.fileno(),),
                )
            except OSError:
                ours.close()
                raise
        self._process = process
        if self._is_stopping:
            terminate(process)
        reader, self._writer = await asyncio.open_unix_connection(sock=ours)
        for message in self._unsent:
            send(self._writer, message)
        output = asyncio.create_task(_log_output(process))
        while (message := await receive(reader)) is not None:
            self._hear(message)
        self._is_over = True
        self._writer.close()
        try:
            async with asyncio.timeout(_END_LIMIT_S):
                await process.wait()
        except TimeoutError:
            kill(process)
        await output
        return _how_it_ended(process.pid, await process.wait())

    def _hear(self, message: FromWorker) -> None:
        if isinstance(message, WorkerFailed):
            self._gave_up = message
        elif isinstance(message, ProgressUpdate):
            self._count(message.progress)
        elif isinstance(message, VolumeStarted):
            self._count(message.progress)
            taken = self._taken[message.progress.volume]
            self._observer.on_event(VolumeStarted(taken.progress, message.source))
        elif isinstance(message, VolumeEnded):
            self._end(message.outcome)
        else:
            self._observer.on_event(message)

    def _count(self, progress: Progress) -> None:
        taken = self._taken.get(progress.volume)
        if taken is not None:
            for each in dataclasses.fields(Progress):
                setattr(taken.progress, each.name, getattr(progress, each.name))

    def _end(self, outcome: VolumeOutcome) -> None:
        taken = self._taken.pop(outcome.volume, None)
        if taken is not None and not taken.outcome.done():
            self._observer.on_event(VolumeEnded(outcome))
            taken.outcome.set_result(outcome)

    def _abandon(self, how: str) -> None:
        """Give an outcome to every volume that the process has left without one."""
        what = self._gave_up or WorkerFailed(
            f"its worker process {how}; the same command resumes", int(ExitCode.TEMPORARY)
        )
        for taken in list(self._taken.values()):
            progress = taken.progress
            progress.phase = Phase.FAILED
            self._end(
                VolumeOutcome(
                    volume=taken.volume.label,
                    source=taken.volume.source.shown,
                    status="failed",
                    snapshot_id=progress.snapshot_id,
                    elapsed_s=self._clock.monotonic_s() - taken.started_s,
                    blocks=progress.block_counts,
                    puts=progress.put_counts,
                    error=what.sentence,
                    exit_code=what.exit_code,
                )
            )


async def _log_output(process: asyncio.subprocess.Process) -> None:
    """Pass on what the process prints: warnings of libraries, the traceback of a defect."""
    assert process.stdout is not None  # noqa: S101 - it was asked for
    while output := await process.stdout.read(_OUTPUT_CHUNK_BYTES):
        for line in output.decode(errors="replace").splitlines():
            _log.warning("process %d: %s", process.pid, line)


def _how_it_ended(pid: int, status: int) -> str:
    if status == -signal.SIGKILL:
        return f"{pid} was killed by SIGKILL, as the kernel does when memory runs out"
    if status < 0:
        return f"{pid} was ended by {signal.Signals(-status).name}"
    return f"{pid} ended with exit code {status}"
