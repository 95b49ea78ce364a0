"""The hashers: read a piece and hash it, in one call of a worker, or in two where order counts.

One is enough for the service's limit, and every other one makes the event loop wait for the GIL:
the others help only while hashed blocks are short.
"""

import asyncio
from functools import partial

from bulkput.pipeline.backlog import Backlog
from bulkput.pipeline.channel import Channel
from bulkput.pipeline.hashing import HashedWindow, hash_hole, hash_window
from bulkput.pipeline.workers import Workers
from bulkput.planning.spans import Span
from bulkput.source.source import Source, Window


class Hasher:
    """A stage: one task for each worker; spans may leave in another order than they came."""

    def __init__(
        self,
        source: Source,
        workers: Workers,
        backlog: Backlog,
        *,
        inputs: Channel[Span],
        output: Channel[HashedWindow],
    ) -> None:
        self._source = source
        self._workers = workers
        self._backlog = backlog
        self._inputs = inputs
        self._output = output
        self._read_lock = asyncio.Lock()

    async def run(self) -> None:
        """Hash spans until there are no more, and close the output."""
        async with asyncio.TaskGroup() as hashers:
            for number in range(self._workers.count):
                if self._source.is_sequential:
                    hashers.create_task(self._hash_in_order())
                else:
                    hashers.create_task(self._hash_any(is_helper=number > 0))
        await self._output.close()

    async def _hash_any(self, *, is_helper: bool) -> None:
        """Hash spans as they come; a helper only while hashed blocks are few."""
        pieces = aiter(self._inputs)
        while True:
            if is_helper:
                await self._backlog.wait_until_low()
            piece = await anext(pieces, None)
            if piece is None:
                return
            if piece.is_hole:
                hashed = hash_hole(piece.start, piece.stop - piece.start)
            else:
                hashed = await self._workers.run(partial(self._hash, piece))
            await self._output.send(hashed)

    async def _hash_in_order(self) -> None:
        """Hash spans of a source that can be read only in order: by all, for reading takes long.

        The lock is taken before the span is, so that nobody overtakes.
        """
        pieces = aiter(self._inputs)
        while True:
            async with self._read_lock:
                piece = await anext(pieces, None)
                if piece is None:
                    return
                window = None
                if not piece.is_hole:
                    window = await self._workers.run(partial(self._read, piece))
            if window is None:
                hashed = hash_hole(piece.start, piece.stop - piece.start)
            else:
                hashed = await self._workers.run(partial(hash_window, window))
            await self._output.send(hashed)

    def _hash(self, piece: Span) -> HashedWindow:
        return hash_window(self._read(piece))

    def _read(self, piece: Span) -> Window:
        return self._source.read_window(piece.start, piece.stop - piece.start)
