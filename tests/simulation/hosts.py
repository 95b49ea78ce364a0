"""One upload on several hosts: each dies, is stopped or ends, and another goes on by the store.

The disk moves with the job, as a volume does that is attached to the next instance. Everything
else is a history as all: weather, faults, a source that changes.
"""

import hashlib
import random

import numpy as np
from simulation.contents import digest
from simulation.history import History
from simulation.machine import Machine, SimulatedWorkers
from simulation.object_store import ObjectPool, StoreLine

from bulkput.jobs.session.repeated_store import CALL_LIMIT_S, RepeatedStore
from bulkput.jobs.session.state_store import StateStore
from bulkput.ledger.ledger import Ledger
from bulkput.ledger.record import RECORD, State
from bulkput.ledger.segments import SEGMENT_RECORDS
from bulkput.model.clock import LoopClock
from bulkput.model.errors import BulkputError
from bulkput.pipeline.retry import Retrier
from bulkput.store.cut import decode_cut, segment_key
from bulkput.store.shelf import Shelf


class HostsHistory(History):
    """A history whose runs are on one of some hosts."""

    def __init__(self, seed, folder):
        super().__init__(seed, folder / "0")
        self.pool = ObjectPool()
        count = self.random.choice((2, 2, 3))
        self.hosts = [self.machine]
        self.hosts += [Machine(folder / str(host), self.random) for host in range(1, count)]
        for host in self.hosts:
            host.folder.mkdir()
        self.interval_s = self.random.choice((0.5, 5.0, 30.0))
        self.store_rate = self.random.choice((0.0, 0.0, 0.1, 0.4))
        self.switches = 0
        self.ran_last = self.machine

    def _calm(self):
        super()._calm()
        self.is_store_down, self.calls_fail = False, 0.0

    def _make_rough(self):
        super()._make_rough()
        self.calls_fail = self.store_rate
        self.is_store_down = self.random.random() < 0.1
        host = self.random.choice(self.hosts)
        self.switches += host is not self.machine
        self.machine = host

    def _go(self):
        self.pool.settle(self.unix_s)
        self._note_stale_marks()
        if self.machine is not self.ran_last:
            self._note_stale_marks_of_folder()
        self.ran_last = self.machine
        return super()._go()

    def _state_store(self):
        """Return the store as this run reaches it; called within its event loop."""
        line = StoreLine(
            self.pool,
            self.machine,
            base_s=self.unix_s,
            seed=f"{self.seed}/{self.run_number}/store",
            rate=self.calls_fail,
            is_down=self.is_store_down,
        )
        retrier = Retrier(
            clock=LoopClock(),
            random=random.Random(self.seed),
            recovery=line,
            deadline_s=CALL_LIMIT_S,
        )
        objects = RepeatedStore(line, retrier)
        workers = SimulatedWorkers(1, self.machine, self._worker_delay_s())
        shelf = Shelf(objects, self.machine.folder, workers, lambda _: None)
        return StateStore(objects, workers, self.interval_s, shelf)

    def _check_complete(self, snapshot, count, checksum):
        if snapshot.sealed is None and any(source.checked for source in self.sources):
            # A host that was about to seal it and died is followed by one that does not know.
            self.sealed.pop(snapshot.snapshot_id, None)
        super()._check_complete(snapshot, count, checksum)

    def _settled_before(self):
        """Say nothing: which ledger a run has is decided by the store as well."""
        return {}

    def _note_stale_marks(self):
        """Find marks of the last cut that a later run has made wrong without another cut.

        Where the source shows the older content again by now, they are believed, and the service
        refuses the seal: as after a power cut.
        """
        for key in list(self.pool.objects):
            if key.endswith("/state.json"):
                cut = decode_cut(self.pool.objects[key][0])
                header = cut.header()
                if header is not None and header.snapshot_id in self.service.snapshots:
                    snapshot = self.service.snapshots[header.snapshot_id]
                    self._hold(snapshot, key.split("/")[1], cut)

    def _note_stale_marks_of_folder(self):
        """Do the same for a host that comes back with its own ledger, while the store was down."""
        try:
            ledger = Ledger.view(self._folder())
        except (BulkputError, StopIteration):
            return
        with ledger:
            snapshot = self.service.snapshots.get(ledger.header.snapshot_id)
            if snapshot is None:
                return
            states = ledger.states(0, ledger.header.block_count)
            for index in np.flatnonzero(states == State.ACKNOWLEDGED).tolist():
                held = snapshot.blocks.get(index)
                if held is None or digest(held) != ledger.digest(index):
                    snapshot.crossed = True

    def _hold(self, snapshot, folder_name, cut):
        for piece in cut.segments.values():
            stored = self.pool.objects.get(segment_key(folder_name, piece))
            if stored is None or hashlib.sha256(stored[0]).hexdigest() != piece.sha256:
                continue
            padded = stored[0] + bytes(-len(stored[0]) % RECORD.itemsize)
            records = np.frombuffer(padded, dtype=RECORD)
            for at in np.flatnonzero(records["state"] == State.ACKNOWLEDGED).tolist():
                index = piece.number * SEGMENT_RECORDS + at
                held = snapshot.blocks.get(index)
                if held is None or digest(held) != records["digest"][at].tobytes():
                    snapshot.crossed = True
