"""The machine that a run lives on: it counts what happens, and may die at any of it.

Owns the state folder's disk with what is not flushed yet, the boot id, and the workers. A death
takes the state folder as it is at that moment; what the dying program still does to it in its
teardown is undone, so that nothing of a process is ever left over in the next.
"""

import asyncio
import fcntl
import itertools
import os
from collections import Counter, deque
from pathlib import Path

_SECTOR_BYTES = 512


class Machine:
    """Files under ``folder``; ``tick`` is called wherever something happens."""

    def __init__(self, folder, random):
        self.folder = folder
        self.boot = 1
        self.violations = []
        self._random = random
        self._flushed = {}
        self._names = set()
        self._replaced = {}
        self._nonces = itertools.count(1)
        self.begin_run({}, {})

    def nonce(self):
        """Return what no run here has had, nor any elsewhere."""
        return f"{self.folder.name}-{next(self._nonces)}"

    def begin_run(self, faults, events):
        """Take the run's script.

        Args:
            faults: By (what, number): the exception that this tick raises.
            events: By number of the tick: what to call.
        """
        self.ticks = 0
        self.counts = Counter()
        self.faults = dict(faults)
        self.events = dict(events)
        self.dead = False
        self.ended = False
        self._kept = None
        self._crashed = False

    def tick(self, what):
        if self.dead:
            return
        self.ticks += 1
        self.counts[what] += 1
        event = self.events.pop(self.ticks, None)
        if event is not None:
            event()
        fault = self.faults.pop((what, self.counts[what]), None)
        if fault is not None and not self.dead:
            raise fault

    def meet(self, what):
        """Count a call to the system at which nothing else happens, and fail if the script says."""
        if self.dead or self.ended:
            return
        self.counts[what] += 1
        fault = self.faults.pop((what, self.counts[what]), None)
        if fault is not None:
            raise fault

    def violate(self, what):
        self.violations.append(what)

    def die(self, *, crash):
        """Take the state folder as it is now: kill -9, or with ``crash`` the power is cut."""
        self.dead = True
        self._kept = {path: path.read_bytes() for path in self._files()}
        self._crashed = crash

    def end_run(self):
        """End the process: close what it left open, and undo what it did after its death."""
        self.ended = True
        for link in list(Path("/proc/self/fd").iterdir()):
            name = link.name
            try:
                target = str(link.readlink())
            except OSError:
                continue
            if target.startswith(f"{self.folder}/"):
                os.close(int(name))
        if self._kept is None:
            return
        kept = self._after_power_cut(self._kept) if self._crashed else self._kept
        for path in self._files():
            path.unlink()
        for path, content in kept.items():
            path.write_bytes(content)
            path.chmod(0o600)
        if self._crashed:
            self.boot += 1
            self._flushed = dict(kept)
            self._names = set(kept)
            self._replaced = {}

    def boot_id(self):
        return f"boot-{self.boot}"

    def _files(self):
        return sorted(path for path in self.folder.rglob("*") if path.is_file())

    def _after_power_cut(self, files):
        """Return what the disk has: flushed sectors, and of the others some."""
        kept = {}
        for path, content in files.items():
            if path not in self._names and self._random.random() < 0.5:
                continue
            if path in self._replaced:
                if self._random.random() < 0.5:
                    if self._replaced[path] is not None:
                        kept[path] = self._replaced[path]
                    continue
                kept[path] = content
                continue
            flushed = self._flushed.get(path, b"")
            mixed = bytearray(content)
            for start in range(0, len(content), _SECTOR_BYTES):
                if self._random.random() < 0.5:
                    stop = min(start + _SECTOR_BYTES, len(content))
                    mixed[start:stop] = flushed[start:stop].ljust(stop - start, b"\0")
            kept[path] = bytes(mixed)
        return kept

    def on_sync(self, descriptor):
        """Note what a flush of ``descriptor`` has made durable."""
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path.is_dir():
            inside = {child for child in self._files() if child.parent == path}
            self._names |= inside
            for child in inside:
                self._replaced.pop(child, None)
        else:
            self._flushed[path] = path.read_bytes()

    def on_replace(self, old, new):
        """Note that ``new`` has the content of ``old``, and what it may have again."""
        self._replaced.setdefault(new, new.read_bytes() if new.exists() else None)
        self._flushed[new] = self._flushed.pop(old, b"")


CALLS = frozenset({"open", "mkdir", "unlink", "ftruncate", "pread", "preadv", "fstat", "lseek"})
"""Beside writes, flushes and renames, which are moments to die at as well."""


class SimulatedOs:
    """Stands where the ledger has ``os``: ticks before each write and flush, and skips no byte."""

    def __init__(self, machine):
        self._machine = machine

    def __getattr__(self, name):
        real = getattr(os, name)
        if name not in CALLS:
            return real

        def call(*arguments, **options):
            self._machine.meet(name)
            return real(*arguments, **options)

        return call

    def pwrite(self, descriptor, content, offset_bytes):
        self._machine.tick("ledger write")
        return os.pwrite(descriptor, content, offset_bytes)

    def fsync(self, descriptor):
        self._machine.tick("ledger flush")
        if not self._machine.dead:
            self._machine.on_sync(descriptor)

    fdatasync = fsync

    def rename(self, old, new, *, src_dir_fd, dst_dir_fd):
        self._machine.tick("ledger rename")
        if not self._machine.dead:
            folder = Path(f"/proc/self/fd/{dst_dir_fd}").readlink()
            self._machine.on_replace(folder / old, folder / new)
        os.rename(old, new, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)


class SimulatedLocks:
    """Stands where the lock has ``fcntl``."""

    def __init__(self, machine):
        self._machine = machine

    def __getattr__(self, name):
        return getattr(fcntl, name)

    def flock(self, descriptor, operation):
        self._machine.meet("flock")
        fcntl.flock(descriptor, operation)


class SimulatedWorkers:
    """Threads on virtual time: what has begun runs to its end, whoever still waits for it."""

    def __init__(self, count, machine, delay_s):
        self.count = count
        self._machine = machine
        self._delay_s = delay_s
        self._waiting = deque()
        self._running = 0

    async def run(self, work):
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((work, future))
        self._begin()
        return await future

    def _begin(self):
        while self._waiting and self._running < self.count:
            work, future = self._waiting.popleft()
            if future.cancelled():
                continue
            self._running += 1
            asyncio.get_running_loop().call_later(self._delay_s(), self._end, work, future)

    def _end(self, work, future):
        self._machine.tick("work")
        self._running -= 1
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - a thread hands on whatever it is
            if not future.cancelled():
                future.set_exception(error)
        else:
            if not future.cancelled():
                future.set_result(result)
        self._begin()
