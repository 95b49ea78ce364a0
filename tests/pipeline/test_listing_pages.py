"""The list of a snapshot's blocks: pages in order, one ahead, and never with a token too old."""

import asyncio

import pytest
from virtual_time import run_virtual

from bulkput.model.clock import LoopClock
from bulkput.pipeline.listing import ListedBlock, Page, pages

TOKEN_LIFE_S = 3600.0


class Lists:
    """A service whose page tokens live an hour, and whose pages may be empty."""

    def __init__(self, page_sizes):
        self.page_sizes = page_sizes
        self.asked = []
        self.tokens = {}

    async def fetch(self, token, index):
        self.asked.append((token, index))
        await asyncio.sleep(0.5)
        now_s = asyncio.get_running_loop().time()
        starts = [sum(self.page_sizes[:number]) for number in range(len(self.page_sizes) + 1)]
        if token is not None:
            number, issued_s = self.tokens[token]
            assert now_s - issued_s < TOKEN_LIFE_S, "the page token has expired"
        else:
            number = starts.index(index or 0)
        first = starts[number]
        last = number == len(self.page_sizes) - 1
        new_token = None if last else f"token-{number + 1}-{now_s}"
        self.tokens[new_token] = (number + 1, now_s)
        items = tuple(
            ListedBlock(each, "t") for each in range(first, first + self.page_sizes[number])
        )
        return Page(items, new_token, 1)


async def read(lists, pause_s=0.0):
    found = []
    async for page in pages(lists.fetch, LoopClock()):
        found += [block.index for block in page.items]
        await asyncio.sleep(pause_s)
    return found


@pytest.mark.parametrize("sizes", [[0], [3], [3, 2], [3, 0, 0, 2, 1], [0, 4]])
def test_all_pages_come_in_order_empty_ones_too(sizes):
    lists = Lists(sizes)
    assert run_virtual(read(lists)) == list(range(sum(sizes)))
    assert len(lists.asked) == len(sizes)


def test_the_next_page_is_asked_for_while_one_is_worked_off():
    async def elapsed():
        await read(Lists([2] * 10), pause_s=0.5)
        return asyncio.get_running_loop().time()

    assert run_virtual(elapsed()) == pytest.approx(0.5 + 10 * 0.5)


@pytest.mark.parametrize("pause_s", [50 * 60.0, 5 * 3600.0])
def test_a_slow_reader_goes_on_by_index_instead_of_an_old_token(pause_s):
    lists = Lists([2, 2, 2, 2, 2])
    assert run_virtual(read(lists, pause_s)) == list(range(10))
    assert (None, 4) in lists.asked


def test_who_leaves_early_leaves_no_request_behind():
    async def leave():
        walk = pages(Lists([2] * 10).fetch, LoopClock())
        await anext(walk)
        await walk.aclose()
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert run_virtual(leave()) == set()


def test_an_error_of_the_next_page_comes_after_the_blocks_of_this_one():
    class Fails(Lists):
        async def fetch(self, token, index):
            if token is not None:
                raise ConnectionError
            return await super().fetch(token, index)

    found = []

    async def read_all():
        async for page in pages(Fails([2, 2]).fetch, LoopClock()):
            await asyncio.sleep(1.0)
            found.extend(block.index for block in page.items)

    with pytest.raises(ConnectionError):
        run_virtual(read_all())
    assert found == [0, 1]
