"""Threads for blocking work: a disk that hangs holds up neither other work nor the end."""

import asyncio
import subprocess
import sys
import threading
import time

import pytest

from bulkput.pipeline import workers as workers_module
from bulkput.pipeline.workers import ThreadWorkers


@pytest.fixture
def workers():
    made = ThreadWorkers(2)
    yield made
    made.close()


@pytest.fixture
def disk():
    """A disk that hangs until the test is over."""
    hangs = threading.Event()
    yield hangs
    hangs.set()


def thread_count():
    return sum(each.name.startswith("bulkput-worker-") for each in threading.enumerate())


async def test_results_and_errors_come_back(workers):
    def fail():
        raise KeyError("the work's own")

    assert await asyncio.gather(*(workers.run(lambda n=n: n * n) for n in range(50))) == [
        n * n for n in range(50)
    ]
    with pytest.raises(KeyError, match="own"):
        await workers.run(fail)
    assert await workers.run(threading.get_ident) != threading.get_ident()


async def test_no_more_work_runs_at_once_than_was_asked_for(workers):
    running, most = 0, 0
    lock = threading.Lock()

    def work():
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.002)
        with lock:
            running -= 1

    await asyncio.gather(*(workers.run(work) for _ in range(20)))
    assert most == 2


async def test_work_that_hangs_and_is_given_up_leaves_its_place_to_others(workers, disk):
    reads = [asyncio.create_task(workers.run(disk.wait)) for _ in range(2)]
    late = asyncio.create_task(workers.run(lambda: "done"))
    await asyncio.sleep(0.02)
    assert not late.done(), "both threads hang"
    for read in reads:
        read.cancel()
    assert await asyncio.wait_for(late, 5) == "done"
    assert thread_count() == 4


async def test_work_that_ends_after_it_was_given_up_ends_its_thread_too(workers, disk):
    read = asyncio.create_task(workers.run(disk.wait))
    await asyncio.sleep(0.02)
    read.cancel()
    await asyncio.wait({read})
    assert thread_count() == 3
    disk.set()
    end_s = time.monotonic() + 5
    while thread_count() > 2:
        assert time.monotonic() < end_s
        await asyncio.sleep(0.002)
    assert await workers.run(lambda: "done") == "done"


async def test_work_that_is_given_up_before_it_begins_never_runs(workers, disk):
    reads = [asyncio.create_task(workers.run(disk.wait)) for _ in range(2)]
    begun = []
    late = asyncio.create_task(workers.run(lambda: begun.append(1)))
    await asyncio.sleep(0.02)
    late.cancel()
    await asyncio.wait({late})
    disk.set()
    await asyncio.gather(*reads)
    assert await workers.run(lambda: "done") == "done"
    assert begun == []


async def test_closing_waits_for_what_runs_and_drops_what_waits(disk):
    made = ThreadWorkers(1)
    ended = []

    def work():
        disk.wait()
        ended.append(1)

    running = asyncio.create_task(made.run(work))
    waiting = asyncio.create_task(made.run(lambda: ended.append(2)))
    await asyncio.sleep(0.02)
    threading.Timer(0.05, disk.set).start()
    made.close()
    assert ended == [1]
    await running
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert thread_count() == 0


async def test_closing_does_not_wait_for_ever(disk, monkeypatch):
    monkeypatch.setattr(workers_module, "_LEAVE_LIMIT_S", 0.05)
    made = ThreadWorkers(1)
    read = asyncio.create_task(made.run(disk.wait))
    await asyncio.sleep(0.02)
    began_s = time.monotonic()
    made.close()
    assert time.monotonic() - began_s < 2
    read.cancel()


def test_a_process_ends_though_a_thread_hangs():
    program = """
import asyncio, sys, threading
from bulkput.pipeline import workers
workers._LEAVE_LIMIT_S = 0.05
async def main():
    made = workers.ThreadWorkers(1)
    read = asyncio.create_task(made.run(threading.Event().wait))
    await asyncio.sleep(0.02)
    read.cancel()
    made.close()
asyncio.run(main())
sys.exit(9)
"""
    done = subprocess.run([sys.executable, "-c", program], timeout=20, check=False)
    assert done.returncode == 9
