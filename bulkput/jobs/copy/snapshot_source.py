"""A completed snapshot as a source: what is read is got from the service.

A source is asked by threads, and the gets run in the event loop: a thread hands its window to the
loop and waits for it. So many windows are under way as there are threads.
"""

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError as FutureCancelledError
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from bulkput.ebs.snapshot import GotBlock
from bulkput.jobs.copy.block_tokens import Tokens
from bulkput.jobs.session.snapshot_reader import SnapshotReader
from bulkput.jobs.state.manifest_at_hand import GetBlock
from bulkput.model.block import BLOCK_SIZE_BYTES, BLOCKS_PER_GIB, GIB_BYTES, Extent
from bulkput.model.errors import ServiceError, SourceError
from bulkput.model.failure import FailureClass
from bulkput.model.runs import runs_of
from bulkput.pipeline.cause import first_cause
from bulkput.pipeline.list_check import NOTHING_IS_EXPECTED, Expected
from bulkput.pipeline.listing import ListedBlock, Page
from bulkput.pipeline.retry import Retrier
from bulkput.source.source import SourceKind

T = TypeVar("T")

_ASKED_BLOCKS = 100
"""The least that a list gives: for tokens that were forgotten."""

_GONE = frozenset({FailureClass.NOT_YET_VISIBLE, FailureClass.GONE})


@dataclass(frozen=True)
class SnapshotIdentity:
    """Which snapshot: a completed one never changes."""

    endpoint_url: str | None
    """None for AWS's own."""
    region: str
    snapshot_id: str
    volume_size_gib: int

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON can hold them."""
        return asdict(self)

    @property
    def name(self) -> Path:
        """What the snapshot is called where a source's path is shown."""
        host = "" if self.endpoint_url is None else f"@{self.endpoint_url.rpartition('://')[2]}"
        return Path(f"{self.snapshot_id}@{self.region}{host}")


class GotWindow:
    """Blocks that were got, each with the digest that its checksum header confirmed."""

    def __init__(self, start: int, blocks: Sequence[GotBlock]) -> None:
        self.start = start
        self.block_count = len(blocks)
        self._blocks: list[GotBlock | None] = list(blocks)

    def block(self, index: int) -> memoryview:
        return memoryview(self._held(index).content)

    def digest(self, index: int) -> bytes:
        """Return the SHA-256 of a block that is still held."""
        return self._held(index).digest

    def release(self, index: int) -> None:
        if self.start <= index < self.start + self.block_count:
            self._blocks[index - self.start] = None

    def close(self) -> None:
        self._blocks = [None] * self.block_count

    def _held(self, index: int) -> GotBlock:
        inside = self.start <= index < self.start + self.block_count
        block = self._blocks[index - self.start] if inside else None
        if block is None:
            raise IndexError(f"block {index} is not held")
        return block


class SnapshotSource:
    """One snapshot, read block by block; made in the event loop that carries its gets."""

    kind: SourceKind = "snapshot"
    format = "raw"
    is_sequential = False
    reports_changes = True

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
        self.identity = identity
        self.path = identity.name
        self.size_bytes = identity.volume_size_gib * GIB_BYTES
        self.block_count = identity.volume_size_gib * BLOCKS_PER_GIB
        self._gets = gets
        self._get = get
        self._retrier = retrier
        self._expected = expected
        self._tokens = Tokens(self._ask)
        self._loop = asyncio.get_running_loop()
        self._listings: list[AsyncGenerator[Page[ListedBlock], None]] = []
        self._waited_for: set[Future[Any]] = set()
        self._lock = threading.Lock()
        self._is_closed = False

    def extents(self, start: int = 0) -> Iterator[Extent]:
        """Return the blocks that the snapshot has."""
        pages = self._gets.pages(
            self.identity.snapshot_id, self._retrier, self._label, self._expected
        )
        self._listings.append(pages)
        return runs_of(self._indexes(pages, start))

    def _indexes(self, pages: AsyncGenerator[Page[ListedBlock], None], start: int) -> Iterator[int]:
        while (page := self._wait_for(self._page(pages))) is not None:
            for block in page.items:
                if start <= block.index < self.block_count:
                    yield block.index

    def read_window(self, start: int, block_count: int) -> GotWindow:
        """Return blocks that the snapshot has.

        Raises:
            SourceError: the snapshot was deleted, or does not have them.
            BulkputError: they could not be got.
        """
        return GotWindow(start, self._wait_for(self._blocks(range(start, start + block_count))))

    def block_or_zeros(self, index: int) -> bytes:
        """Return any block of the volume, for a look at the content; zeros where it has none.

        Raises:
            SourceError: the snapshot was deleted.
            BulkputError: it could not be got.
        """
        return self._wait_for(self._block_or_zeros(index))

    def check_complete(self) -> None:
        """Do nothing: what is not read is not there."""

    def check_unchanged(self) -> None:
        """Do nothing: a completed snapshot does not change."""

    def close(self) -> None:
        """Give up what is still being got, and refuse all that comes."""
        with self._lock:
            self._is_closed = True
            waited_for = list(self._waited_for)
        for future in waited_for:
            future.cancel()

    async def aclose(self) -> None:
        """Close, and end the lists that were left early."""
        self.close()
        for pages in self._listings:
            await pages.aclose()

    @property
    def _label(self) -> str:
        return self.identity.snapshot_id

    async def _page(
        self, pages: AsyncGenerator[Page[ListedBlock], None]
    ) -> Page[ListedBlock] | None:
        try:
            page = await anext(pages, None)
        except ServiceError as error:
            raise self._explained(error) from error
        if page is not None:
            self._tokens.keep(page.items)
        return page

    async def _ask(self, index: int) -> Sequence[ListedBlock]:
        call = partial(
            self._gets.service.control.list_blocks_page,
            self.identity.snapshot_id,
            starting_block_index=index,
            max_results=_ASKED_BLOCKS,
        )
        page = await self._retrier.run(call, self._gets.on_call_retry(self._label))
        return [ListedBlock(index, token) for index, token in page.blocks]

    async def _blocks(self, indexes: range) -> list[GotBlock]:
        try:
            tokens = await self._tokens.of(indexes)
            async with asyncio.TaskGroup() as group:
                got = [group.create_task(self._got(index, tokens)) for index in indexes]
        except ServiceError as error:
            raise self._explained(error) from error
        except BaseExceptionGroup as failures:
            cause = first_cause(failures)
            if isinstance(cause, ServiceError):
                cause = self._explained(cause)
            raise cause from failures
        return [task.result() for task in got]

    async def _block_or_zeros(self, index: int) -> bytes:
        try:
            tokens = await self._tokens.of([index])
            if index not in tokens:
                return bytes(BLOCK_SIZE_BYTES)
            return bytes((await self._got(index, tokens)).content)
        except ServiceError as error:
            raise self._explained(error) from error

    async def _got(self, index: int, tokens: Mapping[int, str]) -> GotBlock:
        token = tokens.get(index)
        if token is None:
            what = "was listed before, and is not in the snapshot any more"
            raise SourceError(self.path, what, block_index=index)
        return await self._get(index, token)

    def _explained(self, error: ServiceError) -> ServiceError | SourceError:
        if error.failure not in _GONE:
            return error
        return SourceError(self.path, f"was deleted while it was copied: {error}")

    def _wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` in the event loop and wait for it; blocks, and never in that loop."""
        with self._lock:
            if self._is_closed:
                work.close()
                raise SourceError(self.path, "was closed before all of it was read")
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
            self._waited_for.add(future)
        try:
            return future.result()
        except FutureCancelledError:
            raise SourceError(self.path, "was closed before all of it was read") from None
        finally:
            with contextlib.suppress(KeyError), self._lock:
                self._waited_for.remove(future)
