"""The hashers: read a piece and hash it, in one call of a worker, or in two where order counts.

One is enough for the service's limit, and every other one makes the event loop wait for the GIL:
the others help only while hashed blocks are short.
"""

import asyncio
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
        turn: asyncio.Lock | None,
        is_short: asyncio.Event,
        workers: Workers,
        inputs: Channel[Piece],
        output: Channel[HashedWindow],
    ) -> None:
        self._read_window = read_window
        self._turn = turn
        self._is_short = is_short
        self._workers = workers
        self._inputs = inputs
        self._output = output

    async def run(self, *, is_helper: bool) -> None:
        """Hash pieces until there are no more; a helper only while hashed blocks are short.

        Pieces that must be read in order are hashed by all: reading is what takes long there.
        """
        if self._turn is not None:
            await self._run_in_turn(self._turn)
            return
        pieces = aiter(self._inputs)
        while True:
            if is_helper:
                await self._is_short.wait()
            piece = await anext(pieces, None)
            if piece is None:
                return
            if piece.is_hole:
                hashed = hash_hole(piece.start, piece.stop - piece.start)
            else:
                hashed = await self._workers.run(partial(self._hash, piece))
            await self._output.send(hashed)

    async def _run_in_turn(self, turn: asyncio.Lock) -> None:
        """Do the same with pieces that must be read in order: one at a time.

        The turn begins before the piece is taken, so that nobody overtakes.
        """
        pieces = aiter(self._inputs)
        while True:
            async with turn:
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

    def _hash(self, piece: Piece) -> HashedWindow:
        return hash_window(self._read(piece))

    def _read(self, piece: Piece) -> Window:
        return self._read_window(piece.start, piece.stop - piece.start)
