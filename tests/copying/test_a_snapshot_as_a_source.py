"""A snapshot read as a source by threads: how much is under way, and tokens."""

import asyncio
import hashlib
from functools import partial

import pytest
from support.listed_snapshot import SnapshotReader, opened, until

from bulkput import ServiceError, SourceError
from bulkput.jobs.copy.block_tokens import Tokens
from bulkput.jobs.session.snapshot_blocks import WINDOW_BLOCKS, SnapshotIdentity
from bulkput.model.block import Extent
from bulkput.model.errors import AnswerError
from bulkput.model.failure import FailureClass
from bulkput.pipeline.hashing import hash_window
from bulkput.pipeline.listing import ListedBlock, Page


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


async def test_a_thousand_gets_a_second_fit_under_way_at_a_tenth_of_a_second_each():
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


async def test_extents_join_neighbours_across_pages_in_any_thread():
    indexes = [0, 1, 2, 3, 9, 10, 2047]
    async with opened(indexes, page=2) as (source, _, workers):
        found = await workers.run(lambda: list(source.extents()))
        assert found == [Extent(0, 4), Extent(9, 11), Extent(2047, 2048)]
        assert await workers.run(lambda: list(source.extents(10))) == [
            Extent(10, 11),
            Extent(2047, 2048),
        ]


async def test_digests_are_taken_over_from_the_gets():
    async with opened(range(4)) as (source, gets, workers):
        gets.go_on.set()
        window = await workers.run(lambda: source.read_window(0, 4))
        hashed = hash_window(window)
        expected = [hashlib.sha256(bytes([index])).digest() for index in range(4)]
        assert [row.tobytes() for row in hashed.digests] == expected
        window.release(2)
        with pytest.raises(IndexError):
            window.block(2)


async def test_a_token_that_was_forgotten_is_asked_for_by_index():
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


async def test_a_token_that_has_expired_is_asked_for_anew_and_once_for_a_crowd():
    async with opened(range(400), reader=Refusing) as (source, gets, workers):
        gets.go_on.set()
        await workers.run(lambda: list(source.extents()))
        window = await workers.run(lambda: source.read_window(0, 40))
        assert bytes(window.block(14)) == bytes([14])
        assert gets.asked == [0]
        window = await workers.run(lambda: source.read_window(90, 4))
        assert bytes(window.block(91)) == bytes([91])
        assert gets.asked == [0], "they came with those that were asked for"


async def test_what_stays_invalid_with_the_same_token_is_the_services_own_error():
    async with opened(range(4), reader=Refusing) as (source, gets, workers):
        await workers.run(lambda: list(source.extents()))

        async def ask(_):
            return [ListedBlock(index, f"t{index}old") for index in range(4)]

        source._known._ask = ask
        with pytest.raises(ServiceError, match="is invalid"):
            await workers.run(lambda: source.read_window(0, 1))
        assert gets.refused == 1, "it was sent again"


async def test_a_block_that_left_the_snapshot_is_named():
    async with opened([0, 1, 5]) as (source, gets, workers):
        gets.go_on.set()
        with pytest.raises(SourceError, match="block 2: was listed before"):
            await workers.run(lambda: source.read_window(0, 4))


async def test_tokens_end_with_what_is_listed():
    async def ask(_):
        return []

    assert await Tokens(ask).of([1, 2]) == {}


@pytest.mark.parametrize(
    ("failure", "expected"),
    [(FailureClass.NOT_YET_VISIBLE, SourceError), (FailureClass.ACCESS_DENIED, ServiceError)],
)
async def test_only_a_snapshot_that_is_gone_is_a_fault_of_the_source(failure, expected):
    async with opened(range(4)) as (source, _, workers):

        async def get(*_):
            raise ServiceError("GetSnapshotBlock", failure, "no")

        source._get = get
        with pytest.raises(expected):
            await workers.run(lambda: source.read_window(0, 4))


async def test_pages_without_a_block_are_passed_over_where_tokens_are_asked_for():
    async with opened(range(0, 40, 2)) as (source, gets, _):
        gets.empty_pages = 3
        assert await source.of([4, 5, 6]) == {4: "t4", 6: "t6"}
        assert gets.asked == [4, None, None, None, 5]


async def test_a_list_of_nothing_but_such_pages_is_refused_and_proves_no_hole():
    async with opened(range(40)) as (source, gets, workers):
        gets.empty_pages = 1000
        with pytest.raises(AnswerError, match="are empty, and it does not end"):
            await workers.run(lambda: source.block_or_zeros(4))
