"""A thread for one piece of work: it comes to its end, or holds nobody."""

import asyncio
import threading

import pytest

from bulkput.pipeline import workers as workers_module
from bulkput.pipeline.own_thread import run_in_own_thread


async def test_it_ends_with_its_work_and_holds_nobody_who_gives_it_up(monkeypatch):
    monkeypatch.setattr(workers_module, "_LEAVE_LIMIT_S", 0.05)
    answers = threading.Event()
    thread = await run_in_own_thread(threading.current_thread)
    assert (thread.daemon, thread.is_alive()) == (True, False)
    read = asyncio.create_task(run_in_own_thread(answers.wait))
    await asyncio.sleep(0.02)
    read.cancel()
    with pytest.raises(asyncio.CancelledError):
        await read
    answers.set()
