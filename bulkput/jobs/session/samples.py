"""The sample images that a rehearsal reads: made once, the same for the same size."""

from pathlib import Path

from bulkput.config.settings import JobSettings
from bulkput.config.volume import VolumeSettings
from bulkput.ledger.state_file import is_own_file
from bulkput.source.sample import make_sample


def with_samples(settings: JobSettings, state_dir: Path) -> JobSettings:
    """Make the sample images that the job asks for, and put their paths in their place. Blocks."""
    return settings.model_copy(
        update={"volumes": tuple(_with_sample(volume, state_dir) for volume in settings.volumes)}
    )


def _with_sample(volume: VolumeSettings, state_dir: Path) -> VolumeSettings:
    """Make a sample unless an earlier run left it."""
    size_bytes = volume.source.sample_bytes
    if size_bytes is None:
        return volume
    path = state_dir / f"{volume.label}-{size_bytes}.img"
    if not is_own_file(path):
        make_sample(path, size_bytes)
    source = volume.source.model_copy(update={"path": path, "sample_bytes": None})
    return volume.model_copy(update={"name": volume.label, "source": source})
