"""A disk that changes, bounded windows into it, and what each block has shown since a run began."""

from pathlib import Path
from typing import NamedTuple

from simulation.contents import ZEROS, content

from bulkput.model.block import BLOCK_SIZE_BYTES, Extent
from bulkput.model.errors import SourceError
from bulkput.source.identity import SourceIdentity, check_same

PATH = Path("/simulated/disk.img")


class Kind(NamedTuple):
    """A kind of source, as the engine sees it."""

    kind: str
    reports_changes: bool
    is_sequential: bool = False
    has_holes: bool = False


KINDS = {
    "file": Kind("file", reports_changes=True, has_holes=True),
    "file on tmpfs": Kind("file", reports_changes=False, has_holes=True),
    "device": Kind("device", reports_changes=False),
    "stream": Kind("stream", reports_changes=False, is_sequential=True),
    "compressed file": Kind("file", reports_changes=True, is_sequential=True),
    "compressed file on tmpfs": Kind("file", reports_changes=False, is_sequential=True),
    "compressed on a device": Kind("device", reports_changes=False, is_sequential=True),
    "object": Kind("object", reports_changes=True),
    "object without a validator": Kind("object", reports_changes=False),
}


class Disk:
    """The truth: a content number for each block, None for a hole."""

    def __init__(self, blocks, name):
        self.kind = KINDS[name]
        self.blocks = [block if self.kind.has_holes else block or ZEROS for block in blocks]
        self.tail_bytes = 4096
        self.version = self._latest = 1
        self.resident_blocks = 0
        self.resident_blocks_max = 0
        self.seen = []
        self._saved = None
        self.begin_run()

    def begin_run(self):
        """Forget what windows held and what blocks showed before."""
        self.resident_blocks = self.resident_blocks_max = 0
        self.seen = [{block} for block in self.blocks]

    @property
    def identity(self):
        size_bytes = (len(self.blocks) - 1) * BLOCK_SIZE_BYTES + self.tail_bytes
        time_ns = self.version if self.kind.reports_changes else 0
        return SourceIdentity(self.kind.kind, 1, 7, size_bytes, time_ns, time_ns)

    def touch(self):
        """Set the times; a disk that was rolled back gets no time for the second time."""
        self._latest += 1
        self.version = self._latest

    def write(self, index, number):
        """Change a block; None punches a hole (what has none shows zeros)."""
        if number is None and not self.kind.has_holes:
            number = ZEROS
        self.blocks[index] = number
        self.seen[index].add(number)
        self.touch()

    def resize(self, block_count, number):
        self.blocks = [*self.blocks[:block_count]]
        number = number if self.kind.has_holes else number or ZEROS
        self.blocks += [number] * (block_count - len(self.blocks))
        self.touch()

    def save(self):
        """Remember the disk as it is, its times too."""
        self._saved = (list(self.blocks), self.version)

    def roll_back(self):
        """Be again what was saved, as a volume that is restored from a snapshot."""
        if self._saved is not None and len(self._saved[0]) == len(self.blocks):
            self.blocks, self.version = list(self._saved[0]), self._saved[1]


class SimulatedSource:
    """One run's view of the disk; with ``live`` windows show changes as memory maps do."""

    path = PATH
    format = "raw"

    def __init__(self, disk, machine, *, live):
        self.disk = disk
        self.machine = machine
        self.kind, self.reports_changes, self.is_sequential, _ = disk.kind
        self.live = live and not self.is_sequential
        self.next = 0
        self.identity = disk.identity
        self.size_bytes = self.identity.size_bytes
        self.block_count = len(disk.blocks)
        self.checked = False

    def extents(self, start=0):
        index = start
        while index < self.block_count:
            first = index
            while index < self.block_count and self.disk.blocks[index] is not None:
                index += 1
            if index > first:
                yield Extent(first, index)
            index += 1

    def read_window(self, start, block_count):
        self.machine.tick("read")
        if start + block_count > len(self.disk.blocks):
            raise SourceError(self.path, "ends here: it was truncated", block_index=start)
        if self.is_sequential and start < self.next:
            self.machine.violate(f"block {start} of a stream is read twice")
        self.next = start + block_count
        disk = self.disk
        disk.resident_blocks += block_count
        disk.resident_blocks_max = max(disk.resident_blocks_max, disk.resident_blocks)
        return SimulatedWindow(disk, start, block_count, live=self.live)

    def check_complete(self):
        pass

    def check_unchanged(self):
        self.checked = True
        check_same(self.path, self.identity, self.disk.identity)

    def close(self):
        pass


class SimulatedWindow:
    def __init__(self, disk, start, block_count, *, live):
        self.start = start
        self.block_count = block_count
        self._disk = disk
        self._live = live
        indexes = range(start, start + block_count)
        self._held = {index: disk.blocks[index] for index in indexes}

    def block(self, index):
        if index not in self._held:
            raise IndexError(f"block {index} is not held by this window")
        number = self._disk.blocks[index] if self._live else self._held[index]
        return memoryview(content(number or ZEROS))

    def release(self, index):
        if self._held.pop(index, self) is not self:
            self._disk.resident_blocks -= 1

    def close(self):
        self._disk.resident_blocks -= len(self._held)
        self._held.clear()

    def __del__(self):
        self.close()
