"""An emulator on a real socket inside the test's process: faults, counts and clock at hand."""

import contextlib
import functools
import time
from pathlib import Path

import boto3
from botocore.config import Config
from support.emulator_thread import EmulatorThread
from support.whole import ACCESS_KEY, SECRET_KEY

from bulkput.emulator.faults import Fault, FaultKind
from bulkput.emulator.options import EmulatorOptions

PUT = "PutSnapshotBlock"
START = "StartSnapshot"
COMPLETE = "CompleteSnapshot"
DESCRIBE = "DescribeSnapshots"


def until(condition, limit_s=20.0):
    """Return what ``condition`` returns once it is true; a condition that never is fails."""
    end_s = time.monotonic() + limit_s
    while not (found := condition()):
        assert time.monotonic() < end_s, "what the test waits for did not happen"
        time.sleep(0.005)
    return found


class MovedClock:
    """The machine's clock, moved as the test says; rates are measured by the real one."""

    ahead_s = 0.0

    def monotonic_s(self):
        return time.monotonic()

    def unix_s(self):
        return time.time() + self.ahead_s


@functools.cache
def _session():
    """Return one session a process: reading EC2's model takes longer than most tests."""
    return boto3.Session()


class Emulated(EmulatorThread):
    """Serves until ``stop``; its faults are scripted, its calls counted."""

    def __init__(self, root: Path, **options):
        settings = {
            "access_key": ACCESS_KEY,
            "secret_key": SECRET_KEY,
            "starts_per_s": None,
            "completes_per_s": None,
            "completion_delay_s": 0.05,
            "faults": True,
        }
        self.clock = MovedClock()
        self._clients = []
        super().__init__(EmulatorOptions(root=root, **(settings | options)), self.clock)
        self.port = int(self.url.rsplit(":", 1)[1])

    def stop(self):
        for client in self._clients:
            client.close()
        super().stop()

    def client(self, service, **options):
        client = _session().client(
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(max_pool_connections=32),
            **options,
        )
        self._clients.append(client)
        return client

    def script(self, kind, operation=PUT, **more):
        """Add a fault; that it was reached is checked when the test ends."""
        self.emulator.faults.add(Fault(kind=FaultKind(kind), operation=operation, **more))

    def calm(self):
        """End open-ended faults after checking that they were reached."""
        assert self.emulator.faults.unreached() == []
        self.emulator.faults.clear()

    def hits(self):
        """Return how often scripted faults hit."""
        return sum(fault["hit"] for fault in self.emulator.faults.as_list())

    def count(self, operation, status=None, code=None):
        return self.emulator.stats.count(operation, status, code)

    @property
    def stored(self):
        """How many puts were stored, the same block counted as often as it came."""
        return self.emulator.stats.blocks_stored

    @property
    def snapshots(self):
        """Ids of all snapshots that were ever started, in order of their start."""
        found = sorted(self.emulator.store, key=lambda one: one.record.started_unix_s)
        return [one.record.snapshot_id for one in found]

    def state(self, snapshot_id):
        """Return state and message as EC2 would report them."""
        state, message = self.emulator.store.get(snapshot_id).state(self.clock.unix_s())
        return str(state), message


@contextlib.contextmanager
def emulated(root, **options):
    """Serve while the test runs; every fault that was scripted must have been reached."""
    server = Emulated(root, **options)
    try:
        yield server
        assert server.emulator.faults.unreached() == [], "scripted faults that were never reached"
    finally:
        server.stop()
