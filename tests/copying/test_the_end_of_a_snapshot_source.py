"""A snapshot as a source that is closed while threads wait for it: all of it ends, in silence."""

import asyncio
import gc
import threading

import pytest
from support.listed_snapshot import SnapshotReader, opened, until

from bulkput import ServiceError, SourceError
from bulkput.model.failure import FailureClass


async def test_closing_ends_what_threads_wait_for():
    async with opened(range(8)) as (source, gets, workers):
        reading = asyncio.create_task(workers.run(lambda: source.read_window(0, 4)))
        await until(lambda: gets.in_flight == 4)
        source.close()
        with pytest.raises(SourceError, match="was closed"):
            await reading
        await until(lambda: gets.in_flight_max == 4)
        with pytest.raises(SourceError, match="was closed"):
            await workers.run(lambda: source.read_window(4, 1))


async def test_a_list_that_hangs_is_given_up_and_ends_before_the_source_does():
    hangs, ended = asyncio.Event(), asyncio.Event()

    class Hung(SnapshotReader):
        async def pages(self, *_):
            try:
                hangs.set()
                await asyncio.Event().wait()
                yield
            finally:
                await asyncio.sleep(0)  # as the end of its request
                ended.set()

    async with opened(range(8), reader=Hung) as (source, _, workers):
        listing = asyncio.create_task(workers.run(lambda: list(source.extents())))
        await hangs.wait()
        async with asyncio.timeout(20):
            await source.aclose()
        assert ended.is_set()
        with pytest.raises(SourceError, match="was closed"):
            await listing


async def test_what_fails_after_the_end_is_no_defect_of_ours():
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


async def test_what_is_given_up_before_the_loop_began_it_leaves_nothing_behind():
    async with opened(range(8)) as (source, gets, _):
        refused = []

        def read():
            with pytest.raises(SourceError, match="was closed") as failure:
                source.read_window(0, 4)
            refused.append(failure)

        thread = threading.Thread(target=read)
        thread.start()
        while not source._waited_for:  # the loop does nothing meanwhile
            thread.join(0.001)
        source.close()
        await until(lambda: refused)
        thread.join()
        gc.collect()  # a coroutine that was never awaited warns now
        assert not gets.in_flight_max
