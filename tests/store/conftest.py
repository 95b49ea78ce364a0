"""Hosts with a state folder each, and one store in memory, on virtual time."""

import asyncio
from pathlib import Path

import pytest
from support.inline_workers import Inline
from support.ledgers import SNAPSHOT_ID, bind, crash, digest_of, make_header, start
from support.s3 import MemoryStore
from virtual_time import run_virtual

from bulkput.ledger.folder import ensure_folder
from bulkput.model.clock import LoopClock
from bulkput.store.cut import Writer, cut_key, decode_cut
from bulkput.store.keeper import EndTime, Keeper
from bulkput.store.lease import lease_s
from bulkput.store.mirror import Mirror
from bulkput.store.take_up import TakeUp

INTERVAL_S = 30.0
NAME = "disk-0123456789ab"


class Host:
    """One machine's state folder, and what its runs do with the store."""

    runs = 0

    def __init__(self, root: Path, name: str, store: MemoryStore):
        self.name = name
        self.store = store
        self.folder = root / name / NAME
        ensure_folder(self.folder)
        self.notes = []
        self.end_time = EndTime()
        self.adapt = lambda header, _: header

    def start(self, block_count=2048, snapshot_id=SNAPSHOT_ID):
        return start(self.folder, block_count, snapshot_id)

    async def begin(self, block_count=2048):
        """Return a mirror and a new ledger: the upload is held before it is opened."""
        mirror = await self.held()
        return mirror, self.start(block_count)

    def take_up(self):
        Host.runs += 1
        clock = LoopClock(unix_epoch_s=1_800_000_000.0)
        writer = Writer(
            f"{self.name}-{Host.runs}",
            self.name,
            Host.runs,
            clock.unix_s(),
            clock.unix_s(),
            lease_s(INTERVAL_S),
        )
        return TakeUp(
            self.store,
            self.folder,
            writer,
            adapt=self.adapt,
            note=self.notes.append,
            workers=Inline(),
            clock=clock,
        )

    def mirror(self, held):
        clock = LoopClock(unix_epoch_s=1_800_000_000.0)
        return Mirror(self.store, self.folder, held, samples="aa", workers=Inline(), clock=clock)

    def keeper(self, **more):
        return Keeper(
            self.take_up(),
            self.mirror,
            shown=self.store.shown,
            interval_s=INTERVAL_S,
            warn=self.notes.append,
            clock=LoopClock(),
            end_time=self.end_time,
            **more,
        )

    async def held(self):
        """Return a mirror of an upload that this host holds from now on."""
        return self.mirror(await self.take_up().take())


@pytest.fixture
def store():
    def now_s():
        try:
            return asyncio.get_running_loop().time()
        except RuntimeError:
            return 0.0

    return MemoryStore(now_s)


@pytest.fixture
def hosts(tmp_path, store):
    return Host(tmp_path, "one", store), Host(tmp_path, "two", store)


@pytest.fixture
def tools():
    class Tools:
        snapshot_id = SNAPSHOT_ID
        name = NAME
        interval_s = INTERVAL_S
        virtual = staticmethod(run_virtual)

        @staticmethod
        def cut(store):
            return decode_cut(store.objects[cut_key(NAME)][0])

    for function in (make_header, start, bind, crash, digest_of):
        setattr(Tools, function.__name__, staticmethod(function))
    return Tools
