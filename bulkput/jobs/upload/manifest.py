"""Manifests of snapshots that are new: laid over the parent's when completed, or read."""

from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bulkput import __version__
from bulkput.ebs.snapshot import SnapshotState
from bulkput.jobs.upload.snapshot import UploadContext
from bulkput.ledger.manifest import manifest_path
from bulkput.ledger.manifest_header import ManifestHeader
from bulkput.ledger.manifest_writer import ManifestWriter
from bulkput.ledger.overlay import write_overlay
from bulkput.ledger.partial_manifest import PartialManifest
from bulkput.model.block import BLOCKS_PER_GIB
from bulkput.model.events import Noted, PhaseChanged
from bulkput.model.progress import Phase

_REPORT_INTERVAL_S = 30.0
"""A full TiB takes 35 minutes at the quota of gets."""


class KeptManifest(NamedTuple):
    """A manifest that was just written."""

    path: Path
    present_count: int
    """Blocks that the snapshot has by it."""


async def keep_manifest(place: UploadContext) -> KeptManifest:
    """Write the manifest of the snapshot in the ledger, once it is completed.

    Writing it again is harmless. Where nothing of the parent is known any more, the snapshot is
    read.

    Raises:
        LedgerError: it cannot be written.
        TemporaryError: the disk is full.
        BulkputError: the snapshot had to be read, and could not be.
    """
    facts = place.ledger.header
    assert facts.snapshot_id is not None  # noqa: S101 - it is completed
    header = ManifestHeader(
        snapshot_id=facts.snapshot_id,
        parent_snapshot_id=facts.parent_snapshot_id,
        volume_size_gib=facts.volume_size_gib,
        block_count=facts.volume_size_gib * BLOCKS_PER_GIB,
        source_path=facts.source_path,
        source_size_bytes=facts.size_bytes,
        encrypted=facts.encrypted,
        region=facts.region,
        endpoint_url=facts.endpoint_url,
        created_unix_s=place.context.clock.unix_s(),
        program_version=__version__,
    )
    if facts.parent_snapshot_id != place.parent_snapshot_id:
        return await _read(place, header)
    path = manifest_path(place.context.state_dir, facts.snapshot_id)
    work = partial(write_overlay, path, header, place.ledger, place.parent)
    return KeptManifest(path, await place.context.workers.run(work))


async def read_manifest(place: UploadContext, snapshot_id: str, live: SnapshotState) -> Path:
    """Make the manifest of any completed snapshot by reading all of it; return its path.

    Args:
        place: Where it is needed.
        snapshot_id: The snapshot.
        live: What EC2 reports of it.

    Raises:
        BulkputError: it could not be read, or the manifest not be written.
    """
    header = ManifestHeader(
        snapshot_id=snapshot_id,
        parent_snapshot_id=None,
        volume_size_gib=live.volume_size_gib,
        block_count=live.volume_size_gib * BLOCKS_PER_GIB,
        source_path=None,
        source_size_bytes=None,
        encrypted=live.encrypted,
        region=place.context.service.region,
        endpoint_url=place.context.endpoint_url,
        created_unix_s=place.context.clock.unix_s(),
        program_version=__version__,
    )
    return (await _read(place, header)).path


async def _read(place: UploadContext, header: ManifestHeader) -> KeptManifest:
    context, label, snapshot_id = place.context, place.volume.label, header.snapshot_id
    place.progress.phase = Phase.READING_PARENT
    context.observer.on_event(PhaseChanged(label, Phase.READING_PARENT, snapshot_id))
    from bulkput.pipeline.digesting import (  # noqa: PLC0415 - few uploads read anything back
        digest_blocks,
    )

    # EC2 reports completed up to a minute before the direct side lists the snapshot.
    retrier = replace(place.retrier, snapshot_started_s=context.clock.monotonic_s())
    live = await place.snapshots.describe(snapshot_id)
    expected = context.gets.expected(snapshot_id, live, label)
    pages = context.gets.pages(snapshot_id, retrier, label, expected)
    budget_bytes = context.memory_budget_bytes
    get = context.gets.path(snapshot_id, retrier, place.progress, memory_budget_bytes=budget_bytes)
    path = manifest_path(context.state_dir, snapshot_id)
    writer = await context.workers.run(partial(ManifestWriter, path, header))
    key = (snapshot_id, header.region, header.endpoint_url or "")
    kept = await context.workers.run(partial(PartialManifest, path, key))
    reported_s = context.clock.monotonic_s()
    parts = digest_blocks(
        pages,
        get,
        take_known=lambda indexes: context.workers.run(partial(kept.take, indexes)),
        ahead_max=context.settings.tuning.in_flight_max,
    )
    with writer, closing(kept):
        async for part in parts:
            await context.workers.run(partial(writer.add, part.indexes, part.digests))
            if part.is_new:
                await context.workers.run(partial(kept.add, part.indexes, part.digests))
            if context.clock.monotonic_s() - reported_s >= _REPORT_INTERVAL_S:
                reported_s = context.clock.monotonic_s()
                text = f"{writer.present_count:,} blocks of {snapshot_id} are read"
                context.observer.on_event(Noted(label, text))
        await context.workers.run(writer.finish)
        await context.workers.run(kept.remove)
    text = f"{snapshot_id} was read: {writer.present_count:,} blocks, manifest {path}"
    context.observer.on_event(Noted(label, text))
    return KeptManifest(path, writer.present_count)
