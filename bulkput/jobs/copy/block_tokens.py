"""The tokens of a snapshot's blocks: those of the pages listed last, others asked for by index.

A token is up to 256 characters, and 64 TiB have 134 million: they cannot all be kept. Blocks are
got in the order of the list but for the few that are got again later.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from bulkput.pipeline.listing import ListedBlock

_PAGES_KEPT = 3
"""The page being got, the one whose extents are walked, and one for what is got again: 30,000
tokens, about 10 MB."""

AskTokens = Callable[[int], Awaitable[Sequence[ListedBlock]]]
"""First block index to some blocks from there on."""


class Tokens:
    """Knows the token of every block, if need be by asking; one event loop only."""

    def __init__(self, ask: AskTokens) -> None:
        self._ask = ask
        self._pages: deque[dict[int, str]] = deque(maxlen=_PAGES_KEPT)
        self._renewing = asyncio.Lock()

    def keep(self, listed: Sequence[ListedBlock]) -> None:
        """Take a page; the oldest one is forgotten."""
        if listed:
            self._pages.append({block.index: block.token for block in listed})

    async def of(self, indexes: Sequence[int]) -> dict[int, str]:
        """Return the tokens of blocks that the snapshot has; what it does not have is left out.

        Raises:
            BulkputError: they could not be asked for.
        """
        found = self._known(indexes)
        while missing := [index for index in indexes if index not in found]:
            listed = await self._ask(missing[0])
            if not listed or listed[0].index > missing[-1]:
                break
            self.keep(listed)
            more = self._known(missing)
            if not more:
                break
            found |= more
        return found

    async def renewed(self, index: int, refused: str) -> str | None:
        """Return another token of a block than the one that the service refused, if need be asked.

        With it come those of the blocks behind it, which were listed as long ago.

        Raises:
            BulkputError: it could not be asked for.
        """
        async with self._renewing:
            if self._known([index]).get(index, refused) == refused:
                self.keep(await self._ask(index))
        return self._known([index]).get(index)

    def _known(self, indexes: Sequence[int]) -> dict[int, str]:
        return {index: page[index] for index in indexes for page in self._pages if index in page}
