"""What the first disk of an image shows of how it boots: read off its source, or its snapshot."""

from functools import partial
from pathlib import Path

from bulkput.config.images import ImageSettings
from bulkput.config.volume import VolumeSettings
from bulkput.jobs.copy.snapshot_source import SnapshotSource
from bulkput.jobs.session.context import JobContext
from bulkput.jobs.session.snapshot_blocks import SnapshotIdentity
from bulkput.jobs.session.source import open_volume
from bulkput.jobs.state.manifest_at_hand import held_to
from bulkput.model.errors import ConfigError, Problem, SourceError
from bulkput.model.progress import Progress
from bulkput.source.content.boot_facts import BootFacts, boot_facts_of

_UEFI_DATA_MAX_CHARS = 64_000
"""Of RegisterImage."""


async def facts_of_source(context: JobContext, volume: VolumeSettings) -> BootFacts | None:
    """Return what a volume's source shows; None if it is read once, from front to back.

    Raises:
        BulkputError: it cannot be read.
    """

    def look() -> BootFacts | None:
        source = open_volume(context.settings, volume)
        try:
            return None if source.is_sequential else boot_facts_of(source)
        finally:
            source.close()

    return await context.workers.run(look)


async def facts_of_snapshot(context: JobContext, snapshot_id: str) -> BootFacts:
    """Return what a completed snapshot shows; reads some blocks of it.

    Raises:
        BulkputError: it cannot be read.
    """
    gets = context.gets
    retrier = gets.new_retrier()
    found = await gets.snapshots(retrier, snapshot_id).describe_completed(snapshot_id)
    if found is None:
        raise SourceError(Path(snapshot_id), "EC2 may not be asked about it")
    identity = SnapshotIdentity(
        endpoint_url=context.endpoint_url,
        region=context.service.region,
        snapshot_id=snapshot_id,
        volume_size_gib=found.volume_size_gib,
    )
    get = gets.path(
        snapshot_id,
        retrier,
        Progress(snapshot_id),
        memory_budget_bytes=context.settings.tuning.memory_budget_bytes,
    )
    source = SnapshotSource(identity, gets, held_to(get, None), retrier)
    try:
        return await context.workers.run(partial(boot_facts_of, source))
    finally:
        await source.aclose()


def uefi_data_of(image: ImageSettings) -> str | None:
    """Return the UEFI variable store of an image, in Base64. Blocks.

    Raises:
        ConfigError: its file cannot be read, or holds something else.
    """
    path = image.uefi_data
    if path is None:
        return None
    where = f"image {image.name}: uefi_data"
    try:
        text = "".join(path.read_text(encoding="ascii").split())
    except (OSError, UnicodeDecodeError) as error:
        what = f"{path} cannot be read as text: {error}"
        raise ConfigError((Problem(where, what),)) from error
    if not text or len(text) > _UEFI_DATA_MAX_CHARS:
        what = f"{path}: expected 1 to {_UEFI_DATA_MAX_CHARS:,} characters of Base64"
        raise ConfigError((Problem(where, what),))
    return text
