"""What an upload would do with each block, found by reading the source and putting nothing.

Decides as the upload does (``decide``, and what a trusted ledger vouches for is not read), so that
its counts are those of the upload. Threads take pieces of the source by turns and hold one window
each: that bounds the memory, whatever the source's size.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from bulkput.ledger.record import State, vouched_for
from bulkput.model.block import DIGEST_SIZE_BYTES, Extent
from bulkput.model.runs import joined, runs
from bulkput.pipeline.baseline import Baseline, NoBaseline
from bulkput.pipeline.cause import first_cause
from bulkput.pipeline.decide import decide
from bulkput.pipeline.hashing import HashedWindow, hash_hole, hash_window, is_zero
from bulkput.pipeline.workers import Workers
from bulkput.planning.spans import Span, spans
from bulkput.planning.zeros import ResolvedZeros
from bulkput.source.source import Source, Window

_PIECES_PER_TURN = 256
"""A turn costs a hop to a thread (~50 us); finely scattered data has millions of short pieces."""

_HOLE_BLOCKS = 8_192
"""Blocks of a hole compared with the ledger at a time: 256 KiB of digests."""


class Known(Protocol):
    """What an earlier run's ledger shows; read from several threads."""

    def states(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Return the state of each block."""
        ...

    def digests(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Return the digest of each block, shape ``(stop - start, 32)``."""
        ...

    def not_skippable(self, start: int = 0, stop: int | None = None) -> Iterator[Extent]:
        """Iterate over the runs of blocks that may be in the snapshot."""
        ...


class SurveyPolicy(NamedTuple):
    """As the upload would be configured."""

    zeros: ResolvedZeros
    trust_ledger: bool
    """Whether blocks that the ledger vouches for are passed over without reading them."""
    window_blocks: int
    reads: bool
    """False: by extents and ledger alone; every block of data that is not known counts as put."""
    stops_at_put: bool = False
    """Whether it ends with the first block that would be put: that something differs is enough."""
    windows_max: int | None = None
    """How many are held at once at most; None: as many as there are workers."""


@dataclass
class Tally:
    """Blocks; the first five have no block in common and are all blocks together."""

    data: int = 0
    zeros: int = 0
    holes: int = 0
    resumed: int = 0
    """In the snapshot already, with the content that the source has."""
    unchanged: int = 0
    """The parent shows what the source has."""
    puts: int = 0
    """To be put, of the first three."""
    read: int = 0

    def add(self, other: "Tally") -> None:
        """Add the counts of another part."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))

    @property
    def settled(self) -> int:
        """Blocks of which it is known what becomes of them."""
        return self.data + self.zeros + self.holes + self.resumed + self.unchanged


async def survey_blocks(
    source: Source,
    known: Known | None,
    baseline: Baseline | None,
    policy: SurveyPolicy,
    workers: Workers,
    on_progress: Callable[[Tally], None],
) -> Tally:
    """Return the counts of all blocks of ``source``.

    Args:
        source: Read, if the policy asks for it; never written.
        known: Of an earlier run whose snapshot the upload would go on with; None of none.
        baseline: The blocks of the snapshot's parent; None of none.
        policy: What decides.
        workers: Each holds one window at a time.
        on_progress: Called with the counts so far, in the event loop.

    Raises:
        BulkputError: of the source or the ledger.
    """
    survey = _Survey(source, known, baseline or NoBaseline(), policy)
    if known is None and baseline is None and not policy.reads:
        return await workers.run(survey.by_extents_alone)
    total = Tally()

    async def look() -> None:
        while not (policy.stops_at_put and total.puts):
            part = await workers.run(survey.turn)
            if part is None:
                return
            total.add(part)
            on_progress(total)

    try:
        async with asyncio.TaskGroup() as group:
            at_once = min(workers.count, policy.windows_max or workers.count)
            for _ in range(1 if source.is_sequential else at_once):
                group.create_task(look())
    except BaseExceptionGroup as failures:
        raise first_cause(failures) from failures
    return total


class _Survey:
    """The walk over one source; its methods block and may be called from any thread."""

    def __init__(
        self, source: Source, known: Known | None, baseline: Baseline, policy: SurveyPolicy
    ) -> None:
        self._source = source
        self._known = known
        self._baseline = baseline
        self._policy = policy
        self._spans = spans(source.extents(), source.block_count, span_blocks=policy.window_blocks)
        self._walk = threading.Lock()

    def by_extents_alone(self) -> Tally:
        """Count all blocks at once, without an object a piece."""
        data = sum(stop - start for start, stop in self._source.extents())
        holes = self._source.block_count - data
        puts = data if self._policy.zeros.skips(is_hole=True) else data + holes
        return Tally(data=data, holes=holes, puts=puts)

    def turn(self) -> Tally | None:
        """Count some pieces; None when there are no more."""
        taken = self._take()
        if not taken:
            return None
        tally = Tally()
        for span in taken:
            if span.is_hole:
                self._count_hole(span, tally)
            else:
                self._count_data(span, tally)
        return tally

    def _take(self) -> list[Span]:
        """Return pieces that have about a window of data together."""
        taken: list[Span] = []
        blocks = 0
        with self._walk:
            while blocks < self._policy.window_blocks and len(taken) < _PIECES_PER_TURN:
                span = next(self._spans, None)
                if span is None:
                    break
                taken.append(span)
                blocks += 0 if span.is_hole else span.stop - span.start
        return taken

    def _count_hole(self, span: Span, tally: Tally) -> None:
        """Count a hole, which only blocks of an earlier run or of the parent make worth a look."""
        rest = span.stop - span.start
        for extent in self._worth_a_look(span):
            for start in range(extent.start, extent.stop, _HOLE_BLOCKS):
                stop = min(start + _HOLE_BLOCKS, extent.stop)
                self._settle(hash_hole(start, stop - start), tally)
            rest -= extent.block_count
        tally.holes += rest
        tally.puts += rest if self._policy.zeros.put_holes else 0

    def _worth_a_look(self, hole: Span) -> Iterator[Extent]:
        parents = self._baseline.extents(hole.start, hole.stop)
        if self._known is None:
            return parents
        if self._policy.zeros.put_holes:
            return iter((Extent(hole.start, hole.stop),))
        return joined(self._known.not_skippable(hole.start, hole.stop), parents)

    def _count_data(self, span: Span, tally: Tally) -> None:
        """Count a piece of data, without what a trusted ledger vouches for."""
        rest = np.ones(span.stop - span.start, dtype=np.bool_)
        if self._known is not None and self._policy.trust_ledger:
            states = self._known.states(span.start, span.stop)
            vouched = vouched_for(states, skip_zeros=self._policy.zeros.skips(is_hole=False))
            tally.resumed += int(np.count_nonzero(vouched.resumed))
            tally.zeros += int(np.count_nonzero(vouched.skipped))
            tally.unchanged += int(np.count_nonzero(vouched.unchanged))
            rest = ~vouched.blocks
        for run in runs(rest):
            if self._policy.reads:
                tally.read += run.block_count
                self._settle(self._read(span.start + run.start, run.block_count), tally)
            else:
                tally.data += run.block_count
                tally.puts += run.block_count

    def _read(self, start: int, count: int) -> HashedWindow:
        """Read blocks; hash them only if there is a digest to compare with."""
        window = self._source.read_window(start, count)
        try:
            stop = start + count
            acknowledged = self._states(start, stop) == State.ACKNOWLEDGED
            if acknowledged.any() or self._baseline.present(start, stop).any():
                return hash_window(window)
            return _tested(window)
        finally:
            for index in range(start, start + count):
                window.release(index)
            window.close()

    def _settle(self, hashed: HashedWindow, tally: Tally) -> None:
        """Decide as the upload does, and count."""
        start, stop = hashed.window.start, hashed.window.start + hashed.window.block_count
        decision = decide(
            hashed,
            self._states(start, stop),
            np.zeros_like(hashed.digests)
            if self._known is None
            else self._known.digests(start, stop),
            self._baseline,
            skip_zeros=self._policy.zeros.skips(is_hole=hashed.is_hole),
        )
        is_there = decision.resumed | decision.unchanged
        tally.resumed += int(np.count_nonzero(decision.resumed))
        tally.unchanged += int(np.count_nonzero(decision.unchanged))
        tally.puts += int(np.count_nonzero(decision.put))
        zeros = int(np.count_nonzero(hashed.is_zero & ~is_there))
        if hashed.is_hole:
            tally.holes += zeros
        else:
            tally.zeros += zeros
            tally.data += int(np.count_nonzero(~hashed.is_zero & ~is_there))

    def _states(self, start: int, stop: int) -> NDArray[np.uint8]:
        if self._known is None:
            return np.full(stop - start, State.UNKNOWN, dtype=np.uint8)
        return self._known.states(start, stop)


def _tested(window: Window) -> HashedWindow:
    """Return the zero flags of a window, with digests that mean nothing."""
    count = window.block_count
    blocks = range(window.start, window.start + count)
    return HashedWindow(
        window=window,
        is_hole=False,
        is_zero=np.fromiter((is_zero(window.block(index)) for index in blocks), np.bool_, count),
        digests=np.zeros((count, DIGEST_SIZE_BYTES), dtype=np.uint8),
    )
