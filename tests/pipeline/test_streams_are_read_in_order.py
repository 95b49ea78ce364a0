"""Windows of a stream are asked for in order, and its bytes kept as long as a put may need them."""

import asyncio
import random

import pytest

from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.pipeline.backlog import Backlog
from bulkput.pipeline.block_buffer import HeldBlock
from bulkput.pipeline.budget import ByteBudget
from bulkput.pipeline.channel import Channel
from bulkput.pipeline.hasher import Hasher
from bulkput.pipeline.hashing import ZeroWindow
from bulkput.planning.spans import Span

PIECES = 40


class DawdlingWorkers:
    """Begins what it is given after a while that nobody knows beforehand."""

    count = 4

    def __init__(self):
        self._chance = random.Random(2)

    async def run(self, work):
        for _ in range(self._chance.randrange(20)):
            await asyncio.sleep(0)
        return work()


class AskedSource:
    """A source that only keeps which windows it was asked for, in their order."""

    def __init__(self, *, is_sequential):
        self.is_sequential = is_sequential
        self.asked = []

    def read_window(self, start, count):
        self.asked.append(start)
        return ZeroWindow(start, count)


async def starts_read(*, is_sequential=False, is_low=True):
    source, backlog = AskedSource(is_sequential=is_sequential), Backlog(1)
    if not is_low:
        backlog.add(1)
    pieces, hashed = Channel(4), Channel(PIECES)
    hasher = Hasher(source, DawdlingWorkers(), backlog, inputs=pieces, output=hashed)

    async def send():
        for start in range(PIECES):
            await pieces.send(Span(start, start + 1, is_hole=start % 7 == 3))
        await pieces.close()
        if not is_low:
            backlog.add(-1)

    async with asyncio.TaskGroup() as group:
        group.create_task(send())
        group.create_task(hasher.run())
    assert sorted([each.window.start async for each in hashed]) == list(range(PIECES))
    return source.asked


async def test_windows_are_read_in_ascending_order_where_a_source_needs_that():
    asked = await starts_read(is_sequential=True)
    assert asked == [start for start in range(PIECES) if start % 7 != 3]


async def test_else_nobody_waits_for_another():
    asked = await starts_read()
    assert asked != sorted(asked)


async def test_helpers_rest_while_enough_is_hashed():
    asked = await starts_read(is_low=False)
    # But for the last few: whatever is short at the end may be hashed by all.
    assert asked[:-4] == sorted(asked[:-4])


@pytest.mark.parametrize("can_be_reread", [True, False])
async def test_bytes_that_cannot_be_read_again_are_kept_until_the_put_is_done(can_be_reread):
    budget = ByteBudget(BLOCK_SIZE_BYTES)
    await budget.acquire(BLOCK_SIZE_BYTES)
    block = HeldBlock(5, b"", ZeroWindow(5, 1), budget, can_be_reread=can_be_reread)
    block.release_if_rereadable()
    assert block.is_held is not can_be_reread
    assert budget.in_use_bytes == (0 if can_be_reread else BLOCK_SIZE_BYTES)
    block.release()
    assert budget.in_use_bytes == 0
