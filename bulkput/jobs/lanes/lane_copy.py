"""One copy in a lane: portions come with tokens, blocks are got at one service, put at another."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bulkput.jobs.lanes.lane_upload import LaneUpload
from bulkput.jobs.lanes.lane_volume import LaneCalls, LaneTools, get_path, open_shared_manifest
from bulkput.jobs.lanes.orders import PutOrder, SharedSnapshot
from bulkput.jobs.lanes.protocol import Portion, PortionSettled, Token, ToVolume, WantToken
from bulkput.jobs.session.snapshot_blocks import WINDOWS_AT_ONCE, SnapshotBlocks, SnapshotIdentity
from bulkput.jobs.state.manifest_at_hand import GetBlock, held_to
from bulkput.model.block import Extent
from bulkput.model.progress import Progress
from bulkput.model.runs import runs_of
from bulkput.pace.gate import OpenGate
from bulkput.pipeline.workers import ThreadWorkers
from bulkput.source.source import Source
from bulkput.source.zero import LengthenedSource


class GivenBlocks:
    """What a lane knows of a snapshot's blocks: what came with the portions that it has.

    A ``TokenSource``. Written in the event loop alone; threads read whole dictionaries, which are
    never changed.
    """

    def __init__(self, want: Callable[[WantToken], None]) -> None:
        """Begin with nothing; ``want`` asks the job for another token, which ``renew`` brings."""
        self._want = want
        self._tokens: Mapping[int, str] = {}
        self._unchanged: tuple[Extent, ...] = ()
        self._renewing: dict[int, asyncio.Future[str | None]] = {}

    def add(self, portion: Portion) -> None:
        """Take what comes with a portion."""
        self._tokens = {**self._tokens, **(portion.tokens or {})}
        self._unchanged += portion.unchanged

    def forget(self, portion: Extent) -> None:
        """Let go of a portion that is settled."""

        def is_inside(index: int) -> bool:
            return portion.start <= index < portion.stop

        self._tokens = {
            index: token for index, token in self._tokens.items() if not is_inside(index)
        }
        self._unchanged = tuple(each for each in self._unchanged if not is_inside(each.start))

    def renew(self, answer: Token) -> None:
        """Take a token that was asked for."""
        renewing = self._renewing.pop(answer.block_index, None)
        if answer.token is not None and answer.block_index in self._tokens:
            self._tokens = {**self._tokens, answer.block_index: answer.token}
        if renewing is not None and not renewing.done():
            renewing.set_result(answer.token)

    def extents(self, start: int) -> Iterator[Extent]:
        """Return the blocks of all portions from ``start`` on that the snapshot has."""
        return runs_of(sorted(index for index in self._tokens if index >= start))

    def unchanged(self, start: int, stop: int) -> NDArray[np.bool_]:
        """Return which blocks are known to be as in the parent."""
        known = np.zeros(stop - start, dtype=np.bool_)
        for extent in self._unchanged:
            known[max(0, extent.start - start) : max(0, extent.stop - start)] = True
        return known

    async def of(self, indexes: Sequence[int]) -> Mapping[int, str]:
        tokens = self._tokens
        return {index: tokens[index] for index in indexes if index in tokens}

    async def renewed(self, index: int, refused: str) -> str | None:
        known = self._tokens.get(index)
        if known != refused:
            return known
        renewing = self._renewing.get(index)
        if renewing is None:
            renewing = self._renewing[index] = asyncio.get_running_loop().create_future()
            self._want(WantToken(index, refused))
        return await asyncio.shield(renewing)


class GivenSnapshot(SnapshotBlocks):
    """A snapshot as far as a lane has portions of it."""

    def __init__(self, identity: SnapshotIdentity, get: GetBlock, given: GivenBlocks) -> None:
        super().__init__(identity, get, given)
        self._given = given

    def extents(self, start: int = 0) -> Iterator[Extent]:
        return self._given.extents(start)


class LaneCopy(LaneUpload):
    """Gets and puts blocks of one copy, as far as the job gives it portions."""

    def __init__(self, order: PutOrder, descriptors: Sequence[int], tools: LaneTools) -> None:
        """Take over ``descriptors``: of the ledger's lock."""
        assert tools.source is not None  # noqa: S101 - a copy's lanes have both ends
        assert isinstance(order.source, SharedSnapshot)  # noqa: S101 - so they are told apart
        self._threads = ThreadWorkers(WINDOWS_AT_ONCE)
        super().__init__(order, descriptors, replace(tools, workers=self._threads))
        self._snapshot = order.source
        self._source_tools = tools.source
        self._gets = LaneCalls(Progress(order.volume), tools.source, OpenGate())
        self.calls = (*self.calls, self._gets)
        self._given = GivenBlocks(tools.report)
        if order.source.knows_unchanged:
            self.unchanged = self._given.unchanged

    def take(self, message: ToVolume) -> None:
        """Keep to a share from now on, copy a portion too, or go on with another token."""
        if isinstance(message, Token):
            self._given.renew(message)
        elif isinstance(message, Portion):
            self._given.add(message)
        super().take(message)

    async def run(self) -> None:
        """Copy until there are no more portions; then everything is let go of.

        Raises:
            BulkputError: what ends the volume.
        """
        try:
            await super().run()
        finally:
            self._threads.close()

    async def open_source(self, stack: ExitStack) -> Source:
        shared = self._snapshot
        manifest = None
        if shared.manifest is not None:
            open_manifest = partial(open_shared_manifest, shared.manifest, stack)
            manifest = await self._threads.run(open_manifest)
        get = get_path(
            self._source_tools,
            self._gets,
            shared.identity.snapshot_id,
            started_s=shared.started_s,
        )
        source = GivenSnapshot(shared.identity, held_to(get, manifest), self._given)
        stack.callback(source.close)
        if shared.block_count > source.block_count:
            return LengthenedSource(source, shared.block_count)
        return source

    def on_settled(self, portion: PortionSettled) -> None:
        self._given.forget(portion.extent)
        super().on_settled(portion)
