"""What a lane knows of a snapshot: what came with its portions, as long as it has them."""

import asyncio
import pickle

from bulkput.jobs.lanes.lane_copy import GivenBlocks
from bulkput.jobs.lanes.protocol import Portion, Token, WantToken
from bulkput.model.block import Extent


def given(*portions):
    asked = []
    blocks = GivenBlocks(asked.append)
    for portion in portions:
        blocks.add(pickle.loads(pickle.dumps(portion)))
    return blocks, asked


FIRST = Portion(Extent(0, 8), {0: "a", 1: "b", 5: "c"}, (Extent(1, 2), Extent(5, 8)))
SECOND = Portion(Extent(20, 1000), {20: "d", 21: "e"}, (Extent(20, 21),))


async def test_it_has_the_blocks_and_what_is_unchanged_of_all_its_portions():
    blocks, _ = given(FIRST, SECOND)
    assert list(blocks.extents(0)) == [Extent(0, 2), Extent(5, 6), Extent(20, 22)]
    assert list(blocks.extents(20)) == [Extent(20, 22)]
    assert await blocks.of(range(30)) == {0: "a", 1: "b", 5: "c", 20: "d", 21: "e"}
    assert blocks.unchanged(0, 8).nonzero()[0].tolist() == [1, 5, 6, 7]
    assert blocks.unchanged(6, 21).nonzero()[0].tolist() == [0, 1, 14]
    assert not blocks.unchanged(8, 20).any()


async def test_a_portion_that_is_settled_leaves_nothing():
    blocks, _ = given(FIRST, SECOND)
    blocks.forget(FIRST.extent)
    assert list(blocks.extents(0)) == [Extent(20, 22)]
    assert not blocks.unchanged(0, 8).any()
    blocks.forget(SECOND.extent)
    assert await blocks.of(range(30)) == {}
    assert not blocks.unchanged(0, 30).any()


async def test_a_refused_token_is_asked_for_once_and_counts_for_those_who_come_later():
    blocks, asked = given(FIRST)
    waiting = [asyncio.create_task(blocks.renewed(0, "a")) for _ in range(3)]
    await asyncio.sleep(0)
    assert asked == [WantToken(0, "a")]
    blocks.renew(Token(0, "new"))
    assert await asyncio.gather(*waiting) == ["new"] * 3
    assert await blocks.renewed(0, "a") == "new"
    assert await blocks.of([0]) == {0: "new"}
    assert len(asked) == 1


async def test_who_is_cancelled_while_a_token_is_asked_for_takes_it_from_nobody():
    blocks, asked = given(FIRST)
    one, other = (asyncio.create_task(blocks.renewed(5, "c")) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    await asyncio.gather(one, return_exceptions=True)
    blocks.renew(Token(5, None))
    assert await other is None
    assert asked == [WantToken(5, "c")]
    blocks.renew(Token(99, "nobody asked"))
    assert await blocks.of([99]) == {}
