"""A lane's side of portions: when each is settled, and what became of its blocks."""

import asyncio

import pytest

from bulkput.jobs.lanes.portions import PortionSpans, PortionTally
from bulkput.model.block import Extent
from bulkput.model.disk_map import BlockFate
from bulkput.model.progress import Progress


class Source:
    block_count = 100

    def extents(self, start=0):
        return (each for each in (Extent(0, 10), Extent(40, 100)) if each.stop > start)


class Workers:
    async def run(self, work):
        return work()


async def test_a_portion_is_asked_for_when_the_one_before_is_used_up():
    wanted = []
    spans = PortionSpans(
        Source(), Workers(), lambda: wanted.append(1), span_blocks=8, cut_holes=False
    )
    portions = iter([Extent(4, 50), Extent(60, 64), None])
    found = []

    async def take_all():
        while (span := await spans.take()) is not None:
            found.append(tuple(span))

    taking = asyncio.create_task(take_all())
    for asked, portion in enumerate(portions, 1):
        await asyncio.sleep(0)
        assert len(wanted) == asked
        spans.give(portion)
        await asyncio.sleep(0)
    await taking
    expected = [(4, 8, False), (8, 10, False), (10, 40, True), (40, 48, False), (48, 50, False)]
    assert found == [*expected, (60, 64, False)]


def test_what_nobody_asked_for_is_passed_over():
    spans = PortionSpans(Source(), Workers(), lambda: None, span_blocks=8, cut_holes=False)
    spans.give(Extent(0, 8))


def test_a_portion_is_settled_with_its_last_block_however_portions_overlap_in_time():
    progress, settled = Progress("disk"), []
    tally = PortionTally(progress, settled.append)
    tally.begin(Extent(10, 14))
    tally.begin(Extent(0, 3))
    tally.begin(Extent(14, 15))
    tally.add("blocks_put", 13)
    tally.add("blocks_put", 0)
    tally.add("blocks_skipped_hole", 1, 2)
    tally.add("blocks_unchanged", 14)
    tally.add("blocks_put", 12)
    assert [each.extent for each in settled] == [Extent(0, 3), Extent(14, 15)]
    tally.add("blocks_resumed", 10, 2)
    assert [each.extent for each in settled] == [Extent(0, 3), Extent(14, 15), Extent(10, 14)]
    counts = [{name: count for name, count in each.counts.items() if count} for each in settled]
    assert counts == [
        {"blocks_put": 1, "blocks_skipped_hole": 2},
        {"blocks_unchanged": 1},
        {"blocks_put": 2, "blocks_resumed": 2},
    ]
    assert progress.blocks_considered == 8


def test_a_portion_has_the_places_of_its_blocks_as_runs():
    settled = []
    tally = PortionTally(Progress("disk"), settled.append)
    tally.begin(Extent(8, 14))
    tally.begin(Extent(14, 16))
    for index in (13, 9, 8, 12, 14):
        tally.place(BlockFate.DATA, index)
    tally.place(BlockFate.REPEATED, 8, 10)
    tally.place(BlockFate.REPEATED, 9)  # is in the snapshot perhaps, and its put was repeated too
    tally.place(BlockFate.SKIPPED_ZERO, 10, 12)
    tally.add("blocks_put", 8, 6)
    assert settled[0].fates == {
        BlockFate.DATA: (Extent(8, 10), Extent(12, 14)),
        BlockFate.REPEATED: (Extent(8, 10),),
        BlockFate.SKIPPED_ZERO: (Extent(10, 12),),
    }


@pytest.mark.parametrize("index", [5, 99])
def test_a_block_of_no_portion_is_a_defect_that_shows(index):
    tally = PortionTally(Progress("disk"), lambda *_: None)
    tally.begin(Extent(6, 99))
    with pytest.raises(IndexError):
        tally.add("blocks_put", index)
    with pytest.raises(IndexError):
        tally.place(BlockFate.DATA, index)
