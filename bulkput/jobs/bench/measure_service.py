"""The service itself, measured by a snapshot of 1 GiB, which does not stay."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bulkput.config.settings import JobSettings
from bulkput.jobs.run import run_job
from bulkput.jobs.session.connection import open_snapshots
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.errors import BulkputError
from bulkput.model.events import Event, Observer, VolumeStarted
from bulkput.model.outcome import VolumeOutcome

if TYPE_CHECKING:
    from bulkput.model.progress import Progress

_DELETE_LIMIT_S = 30.0
"""After Ctrl-C somebody waits; the usual retries of a call take a minute."""

_TIB_BLOCKS = (1 << 40) // BLOCK_SIZE_BYTES


@dataclass(frozen=True)
class ServiceReport:
    """What the upload of a GiB took."""

    snapshot_id: str
    puts: int
    upload_s: float
    elapsed_s: float
    retried: int
    throttled: int

    @property
    def puts_per_s(self) -> float:
        """Over the whole of the upload, its first second included."""
        return self.puts / max(self.upload_s, 1e-3)

    @property
    def tib_s(self) -> float:
        """How long 1 TiB of data takes at this rate."""
        return _TIB_BLOCKS / max(self.puts_per_s, 1e-3)

    def as_dict(self) -> dict[str, object]:
        """Return the documented JSON object."""
        return {
            "status": "measured",
            "error": None,
            "exit_code": 0,
            "snapshot_id": self.snapshot_id,
            "deleted": True,
            "puts": self.puts,
            "puts_per_s_snapshot": round(self.puts_per_s, 1),
            "upload_s": round(self.upload_s, 3),
            "elapsed_s": round(self.elapsed_s, 3),
            "retried": self.retried,
            "throttled": self.throttled,
            "tib_s": round(self.tib_s),
        }


class _Watched:
    """Passes events on, and knows the volume's snapshot."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self.progress: Progress | None = None

    def on_event(self, event: Event) -> None:
        if isinstance(event, VolumeStarted):
            self.progress = event.progress
        self._observer.on_event(event)


async def measure_service(
    settings: JobSettings, *, observer: Observer, note: Callable[[str], None]
) -> ServiceReport:
    """Upload the job's one volume and delete its snapshot, however the upload ends.

    Args:
        settings: A volume of random data, which is not waited for, with ``on_failure: delete``.
        observer: Hears how far it is.
        note: Reports repeated calls.

    Raises:
        BulkputError: the upload failed, or the snapshot could not be deleted.
    """
    watched = _Watched(observer)
    try:
        outcome = (await run_job(settings, observer=watched))[0]
    finally:
        found = None if watched.progress is None else watched.progress.snapshot_id
        if found is not None:
            await _delete(settings, found, note)
    if outcome.cause is not None:
        raise outcome.cause
    return _report(outcome)


async def _delete(settings: JobSettings, snapshot_id: str, note: Callable[[str], None]) -> None:
    """Delete the snapshot; one that is gone already is as well."""
    try:
        async with asyncio.timeout(_DELETE_LIMIT_S), open_snapshots(settings, note) as snapshots:
            await snapshots.delete(snapshot_id)
    except (BulkputError, TimeoutError) as error:
        note(f"{snapshot_id} could not be deleted ({error}): delete it, it costs its storage")
        raise


def _report(outcome: VolumeOutcome) -> ServiceReport:
    return ServiceReport(
        snapshot_id=outcome.snapshot_id or "",
        puts=outcome.blocks.get("put", 0),
        upload_s=outcome.upload_s,
        elapsed_s=outcome.elapsed_s,
        retried=outcome.puts.get("retried", 0),
        throttled=outcome.puts.get("throttled", 0),
    )
