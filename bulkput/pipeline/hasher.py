"""The hashers: read a piece and hash it, in one call of a worker."""

from collections.abc import Callable
from functools import partial

from bulkput.pipeline.channel import Channel
from bulkput.pipeline.hashing import HashedWindow, hash_hole, hash_window
from bulkput.pipeline.reader import Piece
from bulkput.pipeline.workers import Workers
from bulkput.source.source import Window

ReadWindow = Callable[[int, int], Window]
"""Blocking: first block index and block count to a window; raises ``SourceError``."""


class Hasher:
    """One task for each worker; pieces may leave in another order than they came."""

    def __init__(
        self,
        *,
        read_window: ReadWindow,
        workers: Workers,
        inputs: Channel[Piece],
        output: Channel[HashedWindow],
    ) -> None:
        self._read_window = read_window
        self._workers = workers
        self._inputs = inputs
        self._output = output

    async def run(self) -> None:
        """Hash pieces until there are no more."""
        async for piece in self._inputs:
            if piece.is_hole:
                hashed = hash_hole(piece.start, piece.stop - piece.start)
            else:
                hashed = await self._workers.run(partial(self._hash, piece))
            await self._output.send(hashed)

    def _hash(self, piece: Piece) -> HashedWindow:
        return hash_window(self._read_window(piece.start, piece.stop - piece.start))
