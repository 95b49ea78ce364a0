"""A snapshot read as a source by threads: how much is under way, tokens, and the end."""

import asyncio
import contextlib
import gc
import hashlib
from functools import partial
from types import SimpleNamespace

import pytest

from bulkput import ServiceError, SourceError
from bulkput.ebs.snapshot import GotBlock
from bulkput.jobs.copy.block_tokens import Tokens
from bulkput.jobs.copy.snapshot_source import SnapshotSource
from bulkput.jobs.session.snapshot_blocks import WINDOW_BLOCKS, WINDOWS_AT_ONCE, SnapshotIdentity
from bulkput.model.block import Extent
from bulkput.model.errors import AnswerError
from bulkput.model.failure import FailureClass
from bulkput.pipeline.hashing import hash_window
from bulkput.pipeline.listing import ListedBlock, Page
from bulkput.pipeline.workers import ThreadWorkers

IDENTITY = SnapshotIdentity("http://127.0.0.1:8100", "eu-west-1", "snap-0123456789abcdef0", 1)


class SnapshotReader:
    """Lists blocks in pages of ``page``, and hands out every block when asked to."""

    def __init__(self, indexes, page=500):
        self.indexes = indexes
        self.page = page
        self.in_flight = self.in_flight_max = 0
        self.go_on = asyncio.Event()
        self.asked = []
        self.empty_pages = 0
        """So many come before the first block of what is asked for."""
        self.service = SimpleNamespace(control=SimpleNamespace(list_blocks_page=self.list_from))

    async def pages(self, *_):
        for at in range(0, len(self.indexes), self.page):
            some = self.indexes[at : at + self.page]
            yield Page(tuple(ListedBlock(index, f"t{index}") for index in some), None, 1)

    async def list_from(self, _, *, starting_block_index, page_token=None, max_results):
        assert (page_token is None) != (starting_block_index is None)
        self.asked.append(starting_block_index)
        await asyncio.sleep(0)
        if page_token is not None:
            starting_block_index = int(page_token.partition("/")[0])
        if self.empty_pages:
            self.empty_pages -= 1
            next_token = f"{starting_block_index}/{self.empty_pages}"
            return SimpleNamespace(blocks=(), next_token=next_token, volume_size_gib=1)
        later = [index for index in self.indexes if index >= starting_block_index]
        blocks = tuple((index, f"t{index}") for index in later[:max_results])
        return SimpleNamespace(blocks=blocks, next_token=None, volume_size_gib=1)

    def on_call_retry(self, _):
        return None

    async def run(self, call, _):
        return await call()

    async def get(self, index, token):
        assert token == f"t{index}"
        self.in_flight += 1
        self.in_flight_max = max(self.in_flight_max, self.in_flight)
        await self.go_on.wait()
        self.in_flight -= 1
        content = bytes([index % 256])
        return GotBlock(content, hashlib.sha256(content).digest())


@pytest.fixture
def opened():
    @contextlib.asynccontextmanager
    async def open_source(indexes, *, reader=SnapshotReader, **more):
        gets = reader(list(indexes), **more)
        workers = ThreadWorkers(WINDOWS_AT_ONCE)
        source = SnapshotSource(IDENTITY, gets, gets.get, gets)
        try:
            yield source, gets, workers
        finally:
            await source.aclose()
            workers.close()

    return open_source


@pytest.mark.parametrize(
    ("endpoint_url", "name"),
    [
        (None, "snap-0@eu-west-1"),
        ("embedded", "snap-0@eu-west-1@embedded"),
        ("http://127.0.0.1:8100", "snap-0@eu-west-1@127.0.0.1:8100"),
    ],
)
def test_a_snapshot_is_called_by_where_it_is(endpoint_url, name):
    assert str(SnapshotIdentity(endpoint_url, "eu-west-1", "snap-0", 1).name) == name


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - threads are waited for
            await asyncio.sleep(0.002)


async def test_a_thousand_gets_a_second_fit_under_way_at_a_tenth_of_a_second_each(opened):
    window = WINDOW_BLOCKS
    async with opened(range(400)) as (source, gets, workers):
        assert await workers.run(lambda: list(source.extents())) == [Extent(0, 400)]
        reads = [
            asyncio.create_task(workers.run(partial(source.read_window, start, window)))
            for start in range(0, 400, window)
        ]
        await until(lambda: gets.in_flight >= 100)
        gets.go_on.set()
        windows = await asyncio.gather(*reads)
        assert 100 <= gets.in_flight_max <= 128  # the default budget
        assert bytes(windows[2].block(9)) == bytes([9])


async def test_extents_join_neighbours_across_pages_in_any_thread(opened):
    indexes = [0, 1, 2, 3, 9, 10, 2047]
    async with opened(indexes, page=2) as (source, _, workers):
        found = await workers.run(lambda: list(source.extents()))
        assert found == [Extent(0, 4), Extent(9, 11), Extent(2047, 2048)]
        assert await workers.run(lambda: list(source.extents(10))) == [
            Extent(10, 11),
            Extent(2047, 2048),
        ]


async def test_digests_are_taken_over_from_the_gets(opened):
    async with opened(range(4)) as (source, gets, workers):
        gets.go_on.set()
        window = await workers.run(lambda: source.read_window(0, 4))
        hashed = hash_window(window)
        expected = [hashlib.sha256(bytes([index])).digest() for index in range(4)]
        assert [row.tobytes() for row in hashed.digests] == expected
        window.release(2)
        with pytest.raises(IndexError):
            window.block(2)


async def test_a_token_that_was_forgotten_is_asked_for_by_index(opened):
    async with opened(range(2000), page=100) as (source, gets, workers):
        gets.go_on.set()
        await workers.run(lambda: list(source.extents()))
        await workers.run(lambda: source.read_window(1990, 4))
        assert gets.asked == []
        await workers.run(lambda: source.read_window(7, 2))
        assert gets.asked == [7]


class Refusing(SnapshotReader):
    """Refuses tokens that end in ``old``, as those that have expired."""

    refused = 0

    async def get(self, index, token):
        if token.endswith("old"):
            self.refused += 1
            raise ServiceError("GetSnapshotBlock", FailureClass.INVALID, f"{token} is invalid")
        return await super().get(index, token)

    async def pages(self, *_):
        async for page in super().pages():
            aged = (ListedBlock(block.index, f"{block.token}old") for block in page.items)
            yield Page(tuple(aged), None, 1)


async def test_a_token_that_has_expired_is_asked_for_anew_and_once_for_a_crowd(opened):
    async with opened(range(400), reader=Refusing) as (source, gets, workers):
        gets.go_on.set()
        await workers.run(lambda: list(source.extents()))
        window = await workers.run(lambda: source.read_window(0, 40))
        assert bytes(window.block(14)) == bytes([14])
        assert gets.asked == [0]
        window = await workers.run(lambda: source.read_window(90, 4))
        assert bytes(window.block(91)) == bytes([91])
        assert gets.asked == [0], "they came with those that were asked for"


async def test_what_stays_invalid_with_the_same_token_is_the_services_own_error(opened):
    async with opened(range(4), reader=Refusing) as (source, gets, workers):
        await workers.run(lambda: list(source.extents()))

        async def ask(_):
            return [ListedBlock(index, f"t{index}old") for index in range(4)]

        source._known._ask = ask
        with pytest.raises(ServiceError, match="is invalid"):
            await workers.run(lambda: source.read_window(0, 1))
        assert gets.refused == 1, "it was sent again"


async def test_a_block_that_left_the_snapshot_is_named(opened):
    async with opened([0, 1, 5]) as (source, gets, workers):
        gets.go_on.set()
        with pytest.raises(SourceError, match="block 2: was listed before"):
            await workers.run(lambda: source.read_window(0, 4))


async def test_tokens_end_with_what_is_listed():
    async def ask(_):
        return []

    assert await Tokens(ask).of([1, 2]) == {}


async def test_closing_ends_what_threads_wait_for(opened):
    async with opened(range(8)) as (source, gets, workers):
        reading = asyncio.create_task(workers.run(lambda: source.read_window(0, 4)))
        await until(lambda: gets.in_flight == 4)
        source.close()
        with pytest.raises(SourceError, match="was closed"):
            await reading
        await until(lambda: gets.in_flight_max == 4)
        with pytest.raises(SourceError, match="was closed"):
            await workers.run(lambda: source.read_window(4, 1))


async def test_what_fails_after_the_end_is_no_defect_of_ours(opened):
    reported = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    async with opened(range(4)) as (source, gets, workers):

        async def get(*_):
            gets.in_flight += 1
            try:
                await asyncio.Event().wait()
            finally:
                gets.in_flight -= 1
                raise ServiceError("GetSnapshotBlock", FailureClass.TRANSIENT, "it broke")

        source._get = get
        reading = asyncio.create_task(workers.run(lambda: source.read_window(0, 4)))
        await until(lambda: gets.in_flight == 4)
        source.close()
        with pytest.raises(SourceError, match="was closed"):
            await reading
        await until(lambda: not gets.in_flight)
        for _ in range(5):
            await asyncio.sleep(0)
        del reading  # its error holds what failed
        gc.collect()
    assert reported == []


@pytest.mark.parametrize(
    ("failure", "expected"),
    [(FailureClass.NOT_YET_VISIBLE, SourceError), (FailureClass.ACCESS_DENIED, ServiceError)],
)
async def test_only_a_snapshot_that_is_gone_is_a_fault_of_the_source(opened, failure, expected):
    async with opened(range(4)) as (source, _, workers):

        async def get(*_):
            raise ServiceError("GetSnapshotBlock", failure, "no")

        source._get = get
        with pytest.raises(expected):
            await workers.run(lambda: source.read_window(0, 4))


async def test_pages_without_a_block_are_passed_over_where_tokens_are_asked_for(opened):
    async with opened(range(0, 40, 2)) as (source, gets, _):
        gets.empty_pages = 3
        assert await source.of([4, 5, 6]) == {4: "t4", 6: "t6"}
        assert gets.asked == [4, None, None, None, 5]


async def test_a_list_of_nothing_but_such_pages_is_refused_and_proves_no_hole(opened):
    async with opened(range(40)) as (source, gets, workers):
        gets.empty_pages = 1000
        with pytest.raises(AnswerError, match="are empty, and it does not end"):
            await workers.run(lambda: source.block_or_zeros(4))
