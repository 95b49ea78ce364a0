"""Several hosts at once on one upload: cut off from the store now and then, dying, coming back.

A small uploader in the engine's place, with the real ledgers, cuts and take-ups: what is looked at
here is who writes, and what a ledger is worth that others wrote in meanwhile.
"""

import asyncio
import contextlib
import random
from types import SimpleNamespace

import numpy as np
from simulation.object_store import ObjectPool, StoreLine
from support.inline_workers import Inline
from support.ledgers import SNAPSHOT_ID, bind, crash, digest_of, make_header

from bulkput.ledger.folder import ensure_folder
from bulkput.ledger.header import LedgerPhase
from bulkput.ledger.header_file import has_ledger
from bulkput.ledger.ledger import Ledger
from bulkput.ledger.record import State, may_be_in_snapshot
from bulkput.model.clock import LoopClock
from bulkput.model.errors import BulkputError, LedgerError, SnapshotError
from bulkput.store.cut import Writer
from bulkput.store.keeper import EndTime, Keeper
from bulkput.store.lease import lease_s
from bulkput.store.mirror import Mirror
from bulkput.store.take_up import TakeUp

BLOCKS = 40
NAME = "disk-0123456789ab"


class Snapshot:
    """One snapshot at the service: what was put, and whether it was sealed rightly."""

    def __init__(self):
        self.blocks = {}
        self.sealed = None

    def put(self, index, digest):
        if self.sealed is not None:
            raise SnapshotError(SNAPSHOT_ID, "is already completed")
        self.blocks[index] = digest

    def seal(self, linear):
        """Return whether it is completed; False is EC2's error."""
        if self.sealed is None:
            digests = b"".join(self.blocks[index] for index in sorted(self.blocks))
            self.sealed = linear == (len(self.blocks), digests)
        return self.sealed


class Writers:
    """Decided by a seed; ``live`` runs it until a snapshot is completed."""

    def __init__(self, seed, folder):
        self.random = random.Random(seed)
        self.seed = seed
        self.pool = ObjectPool()
        self.folders = [folder / str(host) / NAME for host in range(self.random.choice((2, 2, 3)))]
        for each in self.folders:
            ensure_folder(each)
        rng = self.random
        self.disk = [None if rng.random() < 0.3 else digest_of(index) for index in range(BLOCKS)]
        self.snapshots = {}
        self.interval_s = rng.choice((1.0, 5.0, 30.0))
        self.at_once = 0
        self.working = 0
        self.lost = 0
        self.is_calm = False

    async def live(self):
        """Let hosts run at any time and die at any time; then one of them in peace.

        Returns:
            The completed snapshot.
        """
        async with asyncio.TaskGroup() as group:
            for host in range(len(self.folders)):
                group.create_task(self._host(host))
        self.is_calm = True
        for _ in range(6):
            done = await self._run(0)
            if done is not None:
                return done
            await asyncio.sleep(1000)
        raise AssertionError(f"seed {self.seed}: six calm runs did not complete it")

    async def _host(self, host):
        rng = random.Random(f"{self.seed}/{host}")
        for _ in range(rng.choice((1, 2, 3))):
            await asyncio.sleep(rng.random() * rng.choice((1.0, 60.0, 300.0)))
            running = asyncio.create_task(self._run(host))
            await asyncio.wait({running}, timeout=rng.choice((5.0, 60.0, 400.0)) * rng.random())
            if not running.done():
                self.machines[host].dead = rng.random() < 0.7
                running.cancel()
            with contextlib.suppress(asyncio.CancelledError, BulkputError):
                await running

    @property
    def machines(self):
        """Hosts that may be dead: nothing comes back to them."""
        return self.__dict__.setdefault("_machines", {})

    async def _run(self, host):
        rng = random.Random(f"{self.seed}/{host}/{asyncio.get_running_loop().time()}")
        machine = self.machines[host] = SimpleNamespace(dead=False, tick=lambda _: None)
        rate = 0.0 if self.is_calm else rng.choice((0.0, 0.1, 0.5))
        line = StoreLine(
            self.pool,
            machine,
            base_s=0.0,
            seed=rng.random(),
            rate=rate,
            is_down=not self.is_calm and rng.random() < 0.2,
        )
        keeper = self._keeper(line, self.folders[host], rng)
        ledger = result = None
        try:
            await keeper.begin()
            async with asyncio.TaskGroup() as group:
                keeping = group.create_task(keeper.run())
                ledger = self._ledger(self.folders[host], rng)
                result = await self._upload(ledger, keeper, rng, machine)
                keeping.cancel()
        except* LedgerError:
            self.lost += 1
        except* SnapshotError:
            pass  # sealed by another, or with another count: a new one is made
        finally:
            if ledger is not None:
                if machine.dead:
                    crash(ledger)
                else:
                    ledger.close()
            if not machine.dead:
                with contextlib.suppress(BulkputError):
                    await keeper.end()
        return result

    def _keeper(self, line, folder, rng):
        clock = LoopClock(unix_epoch_s=1_800_000_000.0)
        now_s = clock.unix_s()
        writer = Writer(
            f"{rng.random()}", folder.parent.name, 1, now_s, now_s, lease_s(self.interval_s)
        )
        common = {"workers": Inline(), "clock": clock}
        take_up = TakeUp(line, folder, writer, adapt=lambda header, _: header, note=str, **common)
        return Keeper(
            take_up,
            lambda held: Mirror(line, folder, held, samples=None, **common),
            shown=line.shown,
            interval_s=self.interval_s,
            warn=str,
            clock=clock,
            end_time=EndTime(),
        )

    def _ledger(self, folder, rng):
        nonce = f"{rng.random()}"
        if not has_ledger(folder):
            return Ledger.create(folder, make_header(BLOCKS, nonce=nonce))
        ledger = Ledger.open(folder)
        held = self.snapshots.get(ledger.header.snapshot_id)
        is_open = ledger.header.phase is LedgerPhase.UPLOADING
        if held is not None and (held.sealed is False or (held.sealed and is_open)):
            # Ended in error, or completed by somebody else: as the engine decides by EC2's word.
            again = make_header(BLOCKS, attempt=ledger.header.attempt + 1, nonce=nonce)
            ledger.restart(again)
        return ledger

    async def _upload(self, ledger, keeper, rng, machine):
        if ledger.header.snapshot_id is None:
            snapshot_id = f"snap-{len(self.snapshots):017x}"
            self.snapshots[snapshot_id] = Snapshot()
            bind(ledger, snapshot_id)
            keeper.want_cut()
        snapshot = self.snapshots[ledger.header.snapshot_id]
        self.working += 1
        self.at_once = max(self.at_once, self.working)
        try:
            if ledger.header.phase is LedgerPhase.UPLOADING:
                for index in range(BLOCKS):
                    await self._settle(ledger, snapshot, index, rng, machine)
                ledger.enter(LedgerPhase.SEALING, now_unix_s=3.0)
                await keeper.cut_now()
            else:
                ledger.trust_unknown()
        finally:
            self.working -= 1
        await self._pass(0.1, machine)
        digests = b"".join(
            ledger.digest(index) for extent in ledger.acknowledged() for index in range(*extent)
        )
        if not snapshot.seal((ledger.linear().changed_blocks_count, digests)):
            raise SnapshotError(ledger.header.snapshot_id, "ended in error")
        return snapshot

    async def _settle(self, ledger, snapshot, index, rng, machine):
        state = ledger.states(index, index + 1)
        wanted = self.disk[index]
        if wanted is None and not may_be_in_snapshot(state)[0]:
            ledger.mark_skipped_zero(index, index + 1)
            return
        wanted = wanted or digest_of("zeros")
        if state[0] == State.ACKNOWLEDGED and ledger.digest(index) == wanted:
            return
        ledger.mark_sent(index, wanted)
        await self._pass(rng.random() * rng.choice((0.1, 3.0)), machine)
        snapshot.put(index, wanted)
        await self._pass(rng.random() * 0.1, machine)
        ledger.mark_acknowledged(index, wanted)

    async def _pass(self, delay_s, machine):
        await asyncio.sleep(delay_s)
        if machine.dead:
            await asyncio.get_running_loop().create_future()

    def wrong_blocks(self, snapshot):
        """Return the blocks of a completed snapshot that do not show the disk."""
        zeros = digest_of("zeros")
        shown = [snapshot.blocks.get(index, zeros) for index in range(BLOCKS)]
        wanted = [each or zeros for each in self.disk]
        return np.flatnonzero([one != other for one, other in zip(shown, wanted, strict=True)])
