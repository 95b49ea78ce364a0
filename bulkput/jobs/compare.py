"""The ``verify`` step: the snapshot is read back and compared with its source."""

from collections.abc import AsyncIterator
from functools import partial

from bulkput.ebs.service import Service
from bulkput.jobs.context import JobContext
from bulkput.model.errors import IntegrityError
from bulkput.model.progress import Progress
from bulkput.pace.pacer import AccountPacer, Pacer
from bulkput.pipeline.readback import ListedBlock, ReadbackParts, differing_blocks
from bulkput.pipeline.retry import OnRetry, Retrier
from bulkput.source.source import Source

RATE_DEFAULT_GETS_PER_S = 1000.0
"""The service's quota of gets for one snapshot (Service Quotas L-028ACFB9), not adjustable."""

_GETS_IN_FLIGHT_MAX = 64
_SHOWN_MAX = 10
_PAGE_BLOCKS = 10_000
"""The most that ListSnapshotBlocks gives at once."""


class _SnapshotReads:
    """The service's snapshots as the comparison reads them."""

    def __init__(self, service: Service, retrier: Retrier, on_retry: OnRetry) -> None:
        self._service = service
        self._retrier = retrier
        self._on_retry = on_retry

    async def list_blocks(self, snapshot_id: str) -> AsyncIterator[ListedBlock]:
        page_token: str | None = None
        while True:
            page = await self._retrier.run(
                partial(
                    self._service.control.list_blocks_page,
                    snapshot_id,
                    page_token=page_token,
                    max_results=_PAGE_BLOCKS,
                ),
                self._on_retry,
            )
            for index, token in page.blocks:
                yield ListedBlock(index, token)
            page_token = page.next_token
            if page_token is None:
                return

    async def get_block(self, snapshot_id: str, block_index: int, block_token: str) -> bytes:
        return await self._service.data.get_block(snapshot_id, block_index, block_token)


async def compare_with_source(
    context: JobContext,
    retrier: Retrier,
    snapshot_id: str,
    source: Source,
    progress: Progress,
    volume: str,
) -> None:
    """Compare every byte.

    Raises:
        IntegrityError: names the blocks that differ.
        BulkputError: something could not be read.
    """
    on_retry = context.on_call_retry(volume)
    # EC2 says completed up to a minute before the direct side lists the snapshot.
    retrier.snapshot_started_s = context.clock.monotonic_s()
    pacer = Pacer(
        ceiling_puts_per_s=RATE_DEFAULT_GETS_PER_S,
        in_flight_max=_GETS_IN_FLIGHT_MAX,
        account=AccountPacer(RATE_DEFAULT_GETS_PER_S),
        clock=context.clock,
    )
    parts = ReadbackParts(
        source=source,
        reads=_SnapshotReads(context.service, retrier, on_retry),
        pacer=pacer,
        retrier=retrier,
        workers=context.workers,
        progress=progress,
        on_retry=on_retry,
    )
    differing = await differing_blocks(snapshot_id, parts)
    if differing:
        shown = ", ".join(str(index) for index in differing[:_SHOWN_MAX])
        more = f" and {len(differing) - _SHOWN_MAX} more" if len(differing) > _SHOWN_MAX else ""
        raise IntegrityError(
            f"{snapshot_id} differs from {source.path} in {len(differing)} blocks: {shown}{more}"
        )
