"""A volume's source, opened as configured."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bulkput.config.paths import STANDARD_INPUT
from bulkput.config.service import ServiceSettings
from bulkput.config.volume import VolumeSettings
from bulkput.model.errors import BulkputError
from bulkput.pipeline.baseline import Unchanged, nothing_is_known
from bulkput.source.content.examine import Content, examine
from bulkput.source.open import open_source
from bulkput.source.remote.access import Access
from bulkput.source.source import Source


def open_volume(job: ServiceSettings, volume: VolumeSettings) -> Source:
    """Open the source of one volume, whose sample, if it is one, is made already. Blocks.

    Raises:
        BulkputError: it cannot be read, or not as asked.
    """
    settings = volume.source
    assert settings.path is not None  # noqa: S101 - the job has made samples already
    return open_source(
        settings.path,
        format=settings.format,
        allow_backing_file=settings.allow_backing_file,
        allow_mounted=settings.allow_mounted,
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


@dataclass(frozen=True)
class Opening:
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
