"""A volume's source, opened as its settings say."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bulkput.config.volume import VolumeSettings
from bulkput.source.open import open_source
from bulkput.source.source import Source


def open_volume(volume: VolumeSettings) -> Source:
    """Open the source of ``volume``, whose sample is made already. Blocks.

    Raises:
        SourceError: it cannot be read, or not as asked.
    """
    settings = volume.source
    assert settings.path is not None  # noqa: S101 - the job has made samples already
    return open_source(
        settings.path,
        format=settings.format,
        allow_backing_file=settings.allow_backing_file,
        allow_mounted=settings.allow_mounted,
        reader=settings.reader,
        volume_size_gib=volume.snapshot.volume_size_gib,
    )


@dataclass(frozen=True)
class Opening:
    """How a source is opened, and what its settings do not say of it."""

    open: Callable[[], Source]
    """Blocks."""
    holes_are_noise: bool = False
    """The source is an encrypted snapshot: what it lacks reads as noise, and need not be zeros."""
    verifies_by_manifest: bool = False
    """What is read back is compared with the digests of what was put: the source is remote."""


def opening_of(volume: VolumeSettings) -> Opening:
    """Return how the source that ``volume`` names is opened."""
    return Opening(partial(open_volume, volume))
