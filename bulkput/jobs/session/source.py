"""A volume's source, opened as configured."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bulkput.config.paths import STANDARD_INPUT
from bulkput.config.service import ServiceSettings
from bulkput.config.volume import VolumeSettings
from bulkput.jobs.state.upload_at_hand import holder_of_upload
from bulkput.model.errors import BulkputError, SourceInUseError
from bulkput.pipeline.baseline import Unchanged, nothing_is_known
from bulkput.source.content.examine import Content, examine
from bulkput.source.open import open_source
from bulkput.source.remote.access import Access
from bulkput.source.source import Source
from bulkput.source.source_file import open_file


def open_volume(
    job: ServiceSettings, volume: VolumeSettings, *, allow_mounted: bool | None = None
) -> Source:
    """Open the source of one volume, whose sample, if it is one, is made already. Blocks.

    Args:
        job: How remote sources are reached.
        volume: Its settings.
        allow_mounted: Instead of the setting; None for that.

    Raises:
        BulkputError: it cannot be read, or not as asked.
    """
    settings = volume.source
    assert settings.path is not None  # noqa: S101 - the job has made samples already
    return open_source(
        settings.path,
        format=settings.format,
        allow_backing_file=settings.allow_backing_file,
        allow_mounted=settings.allow_mounted if allow_mounted is None else allow_mounted,
        allow_trailing_data=settings.allow_trailing_data,
        reader=settings.reader,
        volume_size_gib=volume.snapshot.volume_size_gib,
        access=Access(
            # As everywhere: botocore itself ignores AWS_REGION.
            region=job.region or os.environ.get("AWS_REGION"),
            profile=job.profile,
            allow_insecure_http=job.allow_insecure_http,
        ),
    )


def open_to_look(
    job: ServiceSettings, volume: VolumeSettings, state_dir: Path
) -> tuple[Source, str | None]:
    """Open a source as ``open_volume``, for somebody who reads it and sends nothing. Blocks.

    A device is not kept claimed, so that its upload can begin meanwhile; and it may be claimed, if
    it is by that upload.

    Returns:
        The source, and what the user should know if its upload is running now.
    """
    path = volume.source.path
    if volume.source.allow_mounted or path is None or not Path(path).is_block_device():
        source = open_volume(job, volume)
        try:
            return source, _running(job, volume, source.path, state_dir)
        except BaseException:
            source.close()
            raise
    running = None
    try:
        open_file(path, allow_mounted=False).close()
    except SourceInUseError as error:
        running = _running(job, volume, error.path, state_dir)
        if running is None:
            raise
    return open_volume(job, volume, allow_mounted=True), running


def _running(
    job: ServiceSettings, volume: VolumeSettings, source_path: Path | str, state_dir: Path
) -> str | None:
    holder = holder_of_upload(job, volume, source_path, state_dir, os.environ)
    if holder is None:
        return None
    return f"this upload is running now: {holder} works on it, and another run has to wait"


def examine_volume(source: Source, volume: VolumeSettings) -> Content:
    """Return what the user should know of what is in a source. Blocks."""
    return examine(source, is_known_raw=volume.source.format == "raw")


def doubt_about(job: ServiceSettings, volume: VolumeSettings) -> str | None:
    """Return why a volume's source does not look like a disk, if it is known before. Blocks.

    What cannot be opened is for the run to report, and what comes by a pipe for the run to read.
    """
    path = volume.source.path
    if path is None or path == STANDARD_INPUT or volume.source.format == "raw":
        return None
    try:
        source = open_volume(job, volume)
    except BulkputError:
        return None
    try:
        return examine_volume(source, volume).doubt
    finally:
        source.close()


class Opening(NamedTuple):
    """How a source is opened, beyond what its settings hold."""

    open: Callable[[], Source]
    """Blocks."""
    unwritten_is_undefined: bool = False
    """The source is an encrypted snapshot: what it lacks reads as noise, and need not be zeros."""
    unchanged: Unchanged = nothing_is_known
    """What the source itself shows to be as in the parent that the settings name."""
    verifies_by_manifest: bool = False
    """What is read back is compared with the digests of what was put: the source is remote."""


def opening_of(job: ServiceSettings, volume: VolumeSettings) -> Opening:
    """Return how the source that ``volume`` names is opened."""
    return Opening(partial(open_volume, job, volume))
