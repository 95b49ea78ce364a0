"""A snapshot becomes a file or the content of a block device."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bulkput.api.connection_options import ReadingOptions, settings_of
from bulkput.api.observer import OnEvent, observer_of
from bulkput.config.service import ServiceSettings
from bulkput.jobs.download.request import DownloadRequest

if TYPE_CHECKING:
    from bulkput.jobs.download.outcome import (
        DownloadOutcome,  # aiohttp and numpy, which only a call pays
    )

__all__ = [
    "DownloadOptions",
    "DownloadRequest",
    "download",
    "download_configured",
]


@dataclass(frozen=True, kw_only=True)
class DownloadOptions(ReadingOptions):
    """A snapshot, and where it goes."""

    snapshot_id: str = field(kw_only=False)
    destination: str | Path = field(kw_only=False)
    """A file, written beside its name and renamed when it is whole, or a block device."""
    changed_since: str | None = None
    """The destination holds this older snapshot: only what differs is brought, in place."""
    force: bool = False
    """Replace a file that exists, when the download is whole."""
    whole_volume: bool = False
    """Make the file as large as the volume; else as the source, if a manifest records its size."""


async def download(
    options: DownloadOptions, *, on_event: OnEvent | None = None
) -> "DownloadOutcome":
    """Bring the snapshot to its destination; the same call again resumes what was left unfinished.

    Raises:
        DestinationError: the destination cannot be written, or not as asked.
        BulkputError: it is not all there.
    """
    request = DownloadRequest(
        snapshot_id=options.snapshot_id,
        destination=Path(options.destination),
        changed_since=options.changed_since,
        force=options.force,
        whole_volume=options.whole_volume,
    )
    return await download_configured(settings_of(options), request, on_event=on_event)


async def download_configured(
    settings: ServiceSettings, request: DownloadRequest, *, on_event: OnEvent | None = None
) -> "DownloadOutcome":
    """Do as ``download``, where the settings are loaded and checked."""
    from bulkput.jobs.download.download_snapshot import download_snapshot  # noqa: PLC0415 - as above

    return await download_snapshot(settings, request, observer_of(on_event))
