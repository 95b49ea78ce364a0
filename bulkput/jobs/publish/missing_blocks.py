"""Whether a snapshot lacks blocks of its disk, which read as noise in anything encrypted.

The manifest knows, which holds what a parent shows too; where there is none, nothing is known.
"""

from functools import partial

from bulkput.jobs.session.context import JobContext
from bulkput.jobs.state.manifest_at_hand import find_manifest
from bulkput.jobs.state.shelved import manifest_name
from bulkput.ledger.manifest import Manifest
from bulkput.model.block import block_count

_SPAN_BLOCKS = 1 << 20
"""512 GiB at a time, a byte of memory for each block."""


async def lacks_blocks(context: JobContext, snapshot_id: str) -> bool:
    """Return whether blocks of the disk are known to be absent."""
    if context.state_store is not None:  # another host may have made the snapshot
        await context.state_store.shelf.fetch_large(manifest_name(snapshot_id))
    return await context.workers.run(partial(_lacks, context, snapshot_id))


def _lacks(context: JobContext, snapshot_id: str) -> bool:
    manifest = find_manifest(
        context.state_dir,
        snapshot_id,
        region=context.service.region,
        endpoint=context.endpoint_url or "aws",
    )
    if manifest is None:
        return False
    try:
        return not manifest.header.encrypted and not has_whole_disk(manifest)
    finally:
        manifest.close()


def has_whole_disk(manifest: Manifest) -> bool:
    """Return whether every block of the source is in the snapshot. Blocks."""
    size_bytes = manifest.header.source_size_bytes
    count = manifest.header.block_count if size_bytes is None else block_count(size_bytes)
    return all(
        bool(manifest.present(start, min(start + _SPAN_BLOCKS, count)).all())
        for start in range(0, count, _SPAN_BLOCKS)
    )
