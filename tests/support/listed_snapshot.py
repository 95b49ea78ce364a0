"""A snapshot as a source, of lists and gets in memory, read by threads."""

import asyncio
import contextlib
import hashlib
from types import SimpleNamespace

from bulkput.ebs.snapshot import GotBlock
from bulkput.jobs.copy.snapshot_source import SnapshotSource
from bulkput.jobs.session.snapshot_blocks import WINDOWS_AT_ONCE, SnapshotIdentity
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


@contextlib.asynccontextmanager
async def opened(indexes, *, reader=SnapshotReader, **more):
    """Give a source of the blocks, the service behind it, and threads."""
    gets = reader(list(indexes), **more)
    workers = ThreadWorkers(WINDOWS_AT_ONCE)
    source = SnapshotSource(IDENTITY, gets, gets.get, gets)
    try:
        yield source, gets, workers
    finally:
        await source.aclose()
        workers.close()


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - threads are waited for
            await asyncio.sleep(0.002)
