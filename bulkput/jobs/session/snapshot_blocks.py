"""Blocks of a completed snapshot as the windows of a source: what is read is got from the service.

A source is asked by threads, and the gets run in the event loop: a thread hands its window to the
loop and waits for it. So many windows are under way as there are threads. Knows no list: where
tokens come from, and which blocks there are, is its caller's.
"""

import asyncio
import contextlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError as FutureCancelledError
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from bulkput.ebs.snapshot import GotBlock
from bulkput.jobs.state.manifest_at_hand import GetBlock
from bulkput.model.block import BLOCK_SIZE_BYTES, BLOCKS_PER_GIB, GIB_BYTES, Extent
from bulkput.model.errors import ServiceError, SourceError
from bulkput.model.failure import FailureClass
from bulkput.pipeline.cause import first_cause
from bulkput.source.source import SourceKind

T = TypeVar("T")

WINDOW_BLOCKS = 4
"""Got together and hashed in one hop; small, so that few wait for the slowest of a window."""

WINDOWS_AT_ONCE = 28
"""112 gets in flight: 1000 a second with answers that take 0.1 s. What is left of the default
budget, 16 blocks, is on its way out. The threads only wait."""

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


def not_there_any_more(identity: SnapshotIdentity, index: int) -> SourceError:
    """Return the error for a block that was listed and has no token now: it is not a hole."""
    what = "was listed before, and is not in the snapshot any more"
    return SourceError(identity.name, what, block_index=index)


class TokenSource(Protocol):
    """Where the tokens come from that blocks are got with."""

    async def of(self, indexes: Sequence[int]) -> Mapping[int, str]:
        """Return the tokens of blocks that the snapshot has; what it does not have is left out.

        Raises:
            BulkputError: they could not be asked for.
        """
        ...

    async def renewed(self, index: int, refused: str) -> str | None:
        """Return another token of a block than the one that the service refused.

        Returns:
            None if the snapshot does not have the block.

        Raises:
            BulkputError: it could not be asked for.
        """
        ...


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


class SnapshotBlocks(ABC):
    """One snapshot, read block by block; made in the event loop that carries its gets."""

    kind: SourceKind = "snapshot"
    format = "raw"
    is_sequential = False
    reports_changes = True

    def __init__(self, identity: SnapshotIdentity, get: GetBlock, tokens: TokenSource) -> None:
        """Keep what is needed; nothing is asked yet.

        Args:
            identity: Which snapshot.
            get: The way of its gets.
            tokens: To get its blocks with.
        """
        self.identity = identity
        self.path = identity.name
        self.size_bytes = identity.volume_size_gib * GIB_BYTES
        self.block_count = identity.volume_size_gib * BLOCKS_PER_GIB
        self._get = get
        self._tokens = tokens
        self._loop = asyncio.get_running_loop()
        self._waited_for: set[Future[Any]] = set()
        self._under_way: set[asyncio.Task[Any]] = set()
        self._lock = threading.Lock()
        self._is_closed = False

    @abstractmethod
    def extents(self, start: int = 0) -> Iterator[Extent]:
        """Return the blocks that the snapshot has."""

    def read_window(self, start: int, block_count: int) -> GotWindow:
        """Return blocks that the snapshot has.

        Raises:
            SourceError: the snapshot was deleted, or does not have them.
            BulkputError: they could not be got.
        """
        indexes = range(start, start + block_count)
        return GotWindow(start, self._wait_for(partial(self._blocks, indexes)))

    def block_or_zeros(self, index: int) -> bytes:
        """Return any block of the volume, for a look at the content; zeros where it has none.

        Raises:
            SourceError: the snapshot was deleted.
            BulkputError: it could not be got.
        """
        return self._wait_for(partial(self._block_or_zeros, index))

    def check_complete(self) -> None:  # noqa: B027 - final, not to be overridden
        """Do nothing: what is not read is not there."""

    def check_unchanged(self) -> None:  # noqa: B027 - as above
        """Do nothing: a completed snapshot does not change."""

    def close(self) -> None:
        """Give up what is still being got, and refuse all that comes."""
        with self._lock:
            self._is_closed = True
            waited_for = list(self._waited_for)
        for future in waited_for:
            future.cancel()

    async def aclose(self) -> None:
        """Close, and wait until nothing of what was given up is under way any more."""
        self.close()
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def _blocks(self, indexes: range) -> list[GotBlock]:
        try:
            tokens = await self._tokens.of(indexes)
            async with asyncio.TaskGroup() as group:
                got = [group.create_task(self._got(index, tokens)) for index in indexes]
        except ServiceError as error:
            raise self.explained(error) from error
        except BaseExceptionGroup as failures:
            cause = first_cause(failures)
            if isinstance(cause, ServiceError):
                cause = self.explained(cause)
            raise cause from failures
        return [task.result() for task in got]

    async def _block_or_zeros(self, index: int) -> bytes:
        try:
            tokens = await self._tokens.of([index])
            if index not in tokens:
                return bytes(BLOCK_SIZE_BYTES)
            return bytes((await self._got(index, tokens)).content)
        except ServiceError as error:
            raise self.explained(error) from error

    async def _got(self, index: int, tokens: Mapping[int, str]) -> GotBlock:
        token: str | None = tokens.get(index)
        if token is not None:
            try:
                return await self._get(index, token)
            except ServiceError as error:
                # A token lives about a week, and is all that can be invalid about a get.
                if error.failure is not FailureClass.INVALID:
                    raise
                refused, token = token, await self._tokens.renewed(index, token)
                if token == refused:
                    raise
        if token is None:
            raise not_there_any_more(self.identity, index)
        return await self._get(index, token)

    def explained(self, error: ServiceError) -> ServiceError | SourceError:
        """Return what a failed call on the snapshot means for whoever reads it."""
        if error.failure not in _GONE:
            return error
        return SourceError(self.path, f"was deleted while it was copied: {error}")

    def _wait_for(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run ``work()`` in the event loop and wait for it; blocks, and never in that loop."""
        with self._lock:
            if self._is_closed:
                raise SourceError(self.path, "was closed before all of it was read")
            future = asyncio.run_coroutine_threadsafe(self._ended(work), self._loop)
            self._waited_for.add(future)
        try:
            found, failure = future.result()
        except FutureCancelledError:
            raise SourceError(self.path, "was closed before all of it was read") from None
        finally:
            with contextlib.suppress(KeyError), self._lock:
                self._waited_for.remove(future)
        if failure is not None:
            raise failure
        return cast("T", found)

    async def _ended(
        self, work: Callable[[], Coroutine[Any, Any, T]]
    ) -> tuple[T | None, Exception | None]:
        """Return what ``work()`` returns or raises.

        A result: what fails when nobody waits for it any more would be logged as a defect, and so
        would a coroutine that was made by the thread and given up before the loop began it.
        """
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - it runs
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        try:
            return await work(), None
        except Exception as error:  # noqa: BLE001 - raised to whoever waits
            return None, error
