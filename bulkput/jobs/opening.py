"""A volume's source, opened as its settings say."""

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
