"""The end of a job whose volumes were in processes of their own."""

import asyncio
from types import SimpleNamespace

import pytest

from bulkput.jobs.workers import pool


async def test_a_cancellation_that_comes_meanwhile_is_not_lost(monkeypatch):
    class Processes:
        upload = None

        def __init__(self, context, count):
            self.job = context.job

        async def keep_dividing(self):
            try:
                await asyncio.Event().wait()
            finally:
                self.job.cancel()

    monkeypatch.setattr(pool, "_Processes", Processes)
    monkeypatch.setattr(pool, "process_count", lambda *_, **__: 2)

    async def job():
        context = SimpleNamespace(rate_limits=None, places=2, job=asyncio.current_task())
        async with pool.open_uploads(context):
            await asyncio.sleep(0)

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(job())
