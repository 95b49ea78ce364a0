"""A completed snapshot as a source: its list, and the tokens of its blocks."""

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from functools import partial

from bulkput.jobs.copy.block_tokens import Tokens
from bulkput.jobs.session.snapshot_blocks import SnapshotBlocks, SnapshotIdentity
from bulkput.jobs.session.snapshot_reader import SnapshotReader
from bulkput.jobs.state.manifest_at_hand import GetBlock
from bulkput.model.block import Extent
from bulkput.model.errors import ServiceError
from bulkput.model.runs import runs_of
from bulkput.pipeline.list_check import NOTHING_IS_EXPECTED, Expected, ListCheck
from bulkput.pipeline.listing import ListedBlock, Page
from bulkput.pipeline.retry import Retrier

_ASKED_BLOCKS = 100
"""The least that a list gives: for tokens that were forgotten."""


class SnapshotSource(SnapshotBlocks):
    """One snapshot, listed and read; made in the event loop that carries its gets."""

    def __init__(
        self,
        identity: SnapshotIdentity,
        gets: SnapshotReader,
        get: GetBlock,
        retrier: Retrier,
        expected: Expected = NOTHING_IS_EXPECTED,
    ) -> None:
        """Keep what is needed; nothing is asked yet.

        Args:
            identity: Which snapshot.
            gets: For lists.
            get: The way of its gets.
            retrier: Of its lists.
            expected: What its list must agree with, so that a list that lost blocks ends the
                upload before the seal.
        """
        self._known = Tokens(self._ask)
        super().__init__(identity, get, self._known)
        self._gets = gets
        self._retrier = retrier
        self._expected = expected
        self._listings: list[AsyncGenerator[Page[ListedBlock], None]] = []

    def extents(self, start: int = 0) -> Iterator[Extent]:
        """Return the blocks that the snapshot has."""
        pages = self._gets.pages(
            self.identity.snapshot_id, self._retrier, self._label, self._expected
        )
        self._listings.append(pages)
        return runs_of(self._indexes(pages, start))

    async def of(self, indexes: Sequence[int]) -> Mapping[int, str]:
        """Return tokens for whoever else gets blocks, as a ``TokenSource``.

        Raises:
            SourceError: the snapshot was deleted.
            BulkputError: they could not be asked for.
        """
        try:
            return await self._known.of(indexes)
        except ServiceError as error:
            raise self.explained(error) from error

    async def renewed(self, index: int, refused: str) -> str | None:
        """Return another token of a block, as a ``TokenSource``.

        Raises:
            SourceError: the snapshot was deleted.
            BulkputError: it could not be asked for.
        """
        try:
            return await self._known.renewed(index, refused)
        except ServiceError as error:
            raise self.explained(error) from error

    async def aclose(self) -> None:
        """Close, and end the lists that were left early."""
        await super().aclose()
        for pages in self._listings:
            await pages.aclose()

    @property
    def _label(self) -> str:
        return self.identity.snapshot_id

    def _indexes(self, pages: AsyncGenerator[Page[ListedBlock], None], start: int) -> Iterator[int]:
        while (page := self._wait_for(partial(self._page, pages))) is not None:
            for block in page.items:
                if start <= block.index < self.block_count:
                    yield block.index

    async def _page(
        self, pages: AsyncGenerator[Page[ListedBlock], None]
    ) -> Page[ListedBlock] | None:
        try:
            page = await anext(pages, None)
        except ServiceError as error:
            raise self.explained(error) from error
        if page is not None:
            self._known.keep(page.items)
        return page

    async def _ask(self, index: int) -> Sequence[ListedBlock]:
        """Return some blocks from ``index`` on; none only where the list ends without any."""
        expected = Expected(volume_size_gib=self.identity.volume_size_gib)
        check = ListCheck("ListSnapshotBlocks", self.identity.snapshot_id, expected)
        page_token: str | None = None
        while True:
            call = partial(
                self._gets.service.control.list_blocks_page,
                self.identity.snapshot_id,
                page_token=page_token,
                starting_block_index=index if page_token is None else None,
                max_results=_ASKED_BLOCKS,
            )
            page = await self._retrier.run(call, self._gets.on_call_retry(self._label))
            check.take([at for at, _ in page.blocks], page.volume_size_gib, page.next_token)
            page_token = page.next_token
            if page.blocks or page_token is None:
                return [ListedBlock(at, token) for at, token in page.blocks]
