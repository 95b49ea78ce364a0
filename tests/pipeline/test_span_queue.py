"""Spans are handed out once each, whoever takes them, and come back from those that are lost."""

import asyncio
import random
import threading

import pytest
from support.inline_workers import Inline

from bulkput.model.block import Extent
from bulkput.pipeline.span_queue import SpanQueue
from bulkput.pipeline.workers import ThreadWorkers


class Source:
    """A disk of which only the extents matter."""

    def __init__(self, block_count, *extents):
        self.block_count = block_count
        self._extents = [Extent(*each) for each in extents]

    def extents(self, start=0):
        return (each for each in self._extents if each.stop > start)


def queue(source, *, span_blocks=8, cut_holes=False):
    return SpanQueue(source, Inline(), span_blocks=span_blocks, cut_holes=cut_holes)


async def taken(spans):
    found = []
    while (span := await spans.take()) is not None:
        found.append(span)
    return found


def blocks(spans):
    return sorted(index for span in spans for index in range(span.start, span.stop))


@pytest.mark.parametrize("cut_holes", [False, True])
async def test_alone_all_spans_come_in_order_without_a_gap(cut_holes):
    spans = queue(Source(5000, (3, 20), (1000, 1001)), cut_holes=cut_holes)
    found = await taken(spans)
    assert [span.start for span in found] == [0, *(span.stop for span in found[:-1])]
    assert found[-1].stop == 5000
    longest = max(span.stop - span.start for span in found)
    assert longest == (8 if cut_holes else 3999)
    assert spans.is_exhausted


async def test_a_portion_has_so_much_data_and_whole_holes_for_nothing():
    spans = queue(Source(100_000, (0, 40), (90_000, 100_000)))
    assert await spans.lend(16) == Extent(0, 16)
    assert await spans.lend(64) == Extent(16, 90_040)
    cut = queue(Source(100_000), cut_holes=True)
    assert await cut.lend(16) == Extent(0, 16)


async def test_who_takes_waits_for_what_is_lent_and_gets_it_if_it_comes_back():
    spans = queue(Source(32, (0, 32)))
    lent = await spans.lend(16)
    other = await spans.lend(16)
    assert await spans.lend(16) is None
    rest = asyncio.create_task(taken(spans))
    await asyncio.sleep(0.01)
    assert not rest.done()
    spans.settled(other)
    await asyncio.sleep(0.01)
    assert not rest.done(), "a portion is still in another's hands"
    spans.take_back(lent)
    assert blocks(await rest) == list(range(*lent))
    spans.take_back(lent)
    assert await spans.take() is None, "what came back came back once"


async def test_what_comes_back_is_first_and_is_not_looked_for_again():
    """A snapshot that is a source would be listed once more."""
    looked = []

    class Counted(Source):
        def extents(self, start=0):
            looked.append(start)
            return super().extents(start)

    spans = queue(Counted(5000, (0, 20), (40, 60)))
    lent = await spans.lend(32)
    assert lent == Extent(0, 56)
    assert blocks(spans.work_in(lent)) == [*range(20), *range(40, 56)]
    spans.take_back(lent)
    assert spans.work_in(lent) == ()
    assert (await spans.take()).start == 0
    assert [span.start for span in await taken(spans)][-1] == 60
    assert looked == [0]


async def test_what_was_settled_does_not_come_back():
    spans = queue(Source(16, (0, 16)))
    lent = await spans.lend(16)
    spans.settled(lent)
    spans.take_back(lent)
    assert await taken(spans) == []


async def test_spans_found_for_one_who_is_cancelled_are_the_next_ones():
    spans = queue(Source(16, (0, 16)))
    lending = asyncio.create_task(spans.lend(16))
    await asyncio.sleep(0)
    lending.cancel()
    await asyncio.gather(lending, return_exceptions=True)
    assert blocks(await taken(spans)) == list(range(16))


class Broken(Source):
    def extents(self, start=0):
        raise OSError("no extents")
        yield


async def test_a_source_that_cannot_be_examined_is_everybodys_error():
    spans = queue(Broken(16))
    for _ in range(2):
        with pytest.raises(OSError, match="no extents"):
            await spans.take()


@pytest.mark.parametrize("seed", range(20))
async def test_however_portions_come_and_go_every_block_is_handed_out_until_it_is_settled(seed):
    rng = random.Random(seed)
    count = rng.randrange(1, 2000)
    edges = sorted(rng.sample(range(count + 1), min(count, 12)))
    extents = list(zip(edges[::2], edges[1::2], strict=False))
    spans = queue(Source(count, *extents), cut_holes=rng.random() < 0.5)
    settled = []

    async def lane():
        while (portion := await spans.lend(rng.choice((1, 8, 64)))) is not None:
            await asyncio.sleep(0)
            if rng.random() < 0.3:
                spans.take_back(portion)
                return
            settled.append(portion)
            spans.settled(portion)

    async def own():
        while (span := await spans.take()) is not None:
            await asyncio.sleep(0)
            settled.append(span)

    await asyncio.gather(own(), *(lane() for _ in range(4)))
    assert blocks(settled) == list(range(count))


async def test_when_it_is_closed_nothing_reads_the_source_any_more():
    spans = queue(Source(5000, (3, 20)))
    taking = asyncio.create_task(spans.take())
    await asyncio.sleep(0)
    taking.cancel()
    await spans.close()
    left = asyncio.all_tasks() - {asyncio.current_task(), taking}
    assert not left
    await spans.close()


class HungSource(Source):
    """Nothing is found in it until it ``answers``."""

    def __init__(self):
        super().__init__(100, (0, 100))
        self.asked, self.answers = threading.Event(), threading.Event()

    def extents(self, start=0):
        self.asked.set()
        assert self.answers.wait(20)
        return super().extents(start)


async def test_a_disk_that_hangs_is_left_to_its_thread_and_others_find_one():
    source, workers = HungSource(), ThreadWorkers(1)
    spans = SpanQueue(source, workers, span_blocks=8, cut_holes=False)
    taking = asyncio.create_task(spans.take())
    while not source.asked.is_set():  # noqa: ASYNC110 - a thread is waited for
        await asyncio.sleep(0.002)
    taking.cancel()
    async with asyncio.timeout(10):
        await spans.close()
        assert await workers.run(source.answers.is_set) is False
    assert asyncio.all_tasks() <= {asyncio.current_task(), taking}
    source.answers.set()
    workers.close()
