"""The blocks of a snapshot, page by page, the next page asked for while the last is worked off."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from bulkput.model.clock import Clock
from bulkput.pipeline.list_check import ListCheck

PAGE_BLOCKS = 10_000
"""The most that a list gives at once, and its default."""

_PAGE_TOKEN_TRUSTED_S = 45 * 60.0
"""A page token lives 60 minutes; on a slow link 10,000 blocks may take longer. Then the list goes
on by index."""


@dataclass(frozen=True)
class ListedBlock:
    """A block that the snapshot has, and the token to get it with."""

    index: int
    token: str


@dataclass(frozen=True)
class ChangedBlock:
    """A block that is not the same in two snapshots; a token is None where it is in one alone."""

    index: int
    first_token: str | None
    second_token: str | None


class _Indexed(Protocol):
    @property
    def index(self) -> int: ...


Item = TypeVar("Item", bound=_Indexed)


@dataclass(frozen=True)
class Page(Generic[Item]):
    """One answer of a list; may be short or empty and still have a next one."""

    items: tuple[Item, ...]
    next_token: str | None
    volume_size_gib: int


FetchPage = Callable[[str | None, int | None], Awaitable[Page[Item]]]
"""Page token, or first block index, to a page; repeats what fails by itself."""


async def pages(
    fetch: FetchPage[Item], clock: Clock, check: ListCheck | None = None
) -> AsyncGenerator[Page[Item], None]:
    """Yield all pages in order; close it when it is left early.

    Args:
        fetch: Gets one page.
        clock: For the age of page tokens.
        check: What the list must be; None of what every list must be.

    Raises:
        AnswerError: the list cannot be true.
        BulkputError: as ``fetch``.
    """
    check = check or ListCheck()

    async def fetched(token: str | None, index: int | None) -> tuple[Page[Item], float]:
        return await fetch(token, index), clock.monotonic_s()

    next_index = 0
    coming = asyncio.ensure_future(fetched(None, None))
    try:
        while True:
            page, issued_s = await coming
            indexes = [item.index for item in page.items]
            check.take(indexes, page.volume_size_gib, page.next_token)
            if page.items:
                next_index = page.items[-1].index + 1
            token = page.next_token
            if token is None:
                yield page
                return
            if clock.monotonic_s() - issued_s < _PAGE_TOKEN_TRUSTED_S:
                coming = asyncio.ensure_future(fetched(token, None))
            else:
                coming = asyncio.ensure_future(fetched(None, next_index))
            yield page
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)
