"""A lane that is stopped closes its destination when nothing writes to it any more.

A descriptor's number is another file's as soon as it is closed: a write that came later would go
there.
"""

import asyncio
import threading

import pytest

from bulkput.jobs.lanes.lane_restore import EndingWorkers
from bulkput.model.errors import TemporaryError
from bulkput.pipeline.workers import ThreadWorkers


@pytest.fixture
def workers():
    made = ThreadWorkers(1)
    yield EndingWorkers(made)
    made.close()


async def test_a_cancellation_waits_for_the_write_that_is_under_way(workers):
    began, may_end, ended = asyncio.Event(), threading.Event(), []
    loop = asyncio.get_running_loop()

    def write():
        loop.call_soon_threadsafe(began.set)
        may_end.wait(10)
        ended.append(1)

    writing = asyncio.create_task(workers.run(write))
    await began.wait()
    writing.cancel()
    for _ in range(5):
        await asyncio.sleep(0)
    assert not writing.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert ended == [1]


async def test_what_is_written_and_what_fails_comes_as_it_is(workers):
    def fail():
        raise TemporaryError("the disk is full")

    assert await workers.run(lambda: 7) == 7
    with pytest.raises(TemporaryError, match="the disk is full"):
        await workers.run(fail)
