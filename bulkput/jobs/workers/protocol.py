"""What a job and its worker processes send each other, and how it travels.

Frames over a socket pair: four bytes of length, then a pickle. Both ends are processes of one job
and of one version; nobody else can reach the pair.
"""

import asyncio
import pickle
from dataclasses import dataclass
from typing import Any

from bulkput.config.settings import JobSettings
from bulkput.jobs.process.embedded_server import EmbeddedServer
from bulkput.jobs.session.rate_limits import RateLimits
from bulkput.model.events import Event
from bulkput.model.progress import Progress

_LENGTH_BYTES = 4


@dataclass(frozen=True)
class WorkerInit:
    """First to a worker: the job, with its samples made and its server running."""

    settings: JobSettings
    server: EmbeddedServer | None
    """The embedded one; None where the settings say it all."""
    rate_limits: RateLimits


@dataclass(frozen=True)
class UploadVolume:
    """To a worker: upload this volume, beside the others that it has."""

    position: int
    """In the settings' volumes."""


@dataclass(frozen=True)
class SetRateLimit:
    """To a worker: its part of the account's puts from now on."""

    puts_per_s: float


@dataclass(frozen=True)
class ProgressUpdate:
    """From a worker: a volume's counters as they are now."""

    progress: Progress


@dataclass(frozen=True)
class WorkerFailed:
    """From a worker, its last: what ended it before its volumes were done."""

    sentence: str
    exit_code: int


ToWorker = WorkerInit | UploadVolume | SetRateLimit
FromWorker = Event | ProgressUpdate | WorkerFailed


def send(writer: asyncio.StreamWriter, message: ToWorker | FromWorker) -> None:
    """Put ``message`` on its way without waiting; lost if the other side has ended."""
    if writer.is_closing():
        return
    body = pickle.dumps(message)
    writer.write(len(body).to_bytes(_LENGTH_BYTES, "big") + body)


async def receive(reader: asyncio.StreamReader) -> Any:
    """Return the next message, or None when the other side has closed or died."""
    try:
        length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "big")
        body = await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return pickle.loads(body)  # noqa: S301 - from a process of this job, as multiprocessing does
