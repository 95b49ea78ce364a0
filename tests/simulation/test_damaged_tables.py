"""The table of a small upload, cut at every byte and flipped at every byte, under the whole engine:
whatever the resume mode, and whatever changed meanwhile, the snapshot equals the source."""

import copy
import random

import pytest
from simulation.contents import ZEROS
from simulation.disk import KINDS
from simulation.scripted import Scripted

from bulkput.ledger.ledger import TABLE_NAME, Ledger
from bulkput.ledger.record import State

_LONG = pytest.mark.long
BLOCKS = (1, ZEROS, 2, None)
STATES = {State.SENT, State.ACKNOWLEDGED, State.SKIPPED_ZERO}


class Interrupted(Scripted):
    """An upload that died when each state was in its ledger; ``go_on`` tries what may follow."""

    def __init__(self, folder, *, resume, kind):
        super().__init__(folder, BLOCKS, resume=resume)
        self.disk.kind = KINDS[kind]

    @classmethod
    def found(cls, tmp_path, **how):
        for moment in range(20, 200):
            folder = tmp_path / str(moment)
            folder.mkdir()
            upload = cls(folder, **how)
            upload.go(dies_at=moment)
            if upload.states() >= STATES:
                upload.keep()
                return upload
        raise AssertionError("there is no moment at which each state is in the ledger")

    def states(self):
        header = self._header()
        if header is None or header.snapshot_id is None:
            return set()
        with Ledger.view(self._folder()) as ledger:
            return set(ledger.states(0, len(BLOCKS)).tolist())

    def keep(self):
        self.kept = {path: path.read_bytes() for path in self._folder().iterdir()}
        self.kept_service = self.service
        self.table = self._folder() / TABLE_NAME

    def go_on(self, content, change):
        """Go on with ``content`` in the table and a disk that ``change`` has changed."""
        for path, kept in self.kept.items():
            path.write_bytes(kept)
        self.table.write_bytes(content)
        self.service = copy.deepcopy(self.kept_service)
        self.sealed = {}
        self.disk.blocks, self.disk.version = list(BLOCKS), 1
        change(self.disk)
        return self.go()


def unchanged(disk):
    """Leave the disk as it was."""


def swapped(disk):
    """Make data of zeros and zeros of data: what a wrong skip would show."""
    for index, number in enumerate(BLOCKS):
        disk.write(index, ZEROS if number else 30)


TRUST_A_FILE = ("trust", "file", unchanged)
VERIFY_A_DEVICE = ("verify", "device", swapped)
EVEN, ODD, ALL = slice(0, None, 2), slice(1, None, 2), slice(0, None)
CASES = [
    # Together every byte, in each mode half of every field; the long ones take all in every mode.
    pytest.param(*TRUST_A_FILE, EVEN, id="trust a file"),
    pytest.param(*VERIFY_A_DEVICE, ODD, id="verify a changed device"),
    *(
        pytest.param(*case, ALL, id=f"{' '.join(case[:2])} {case[2].__name__}", marks=_LONG)
        for case in (
            TRUST_A_FILE,
            VERIFY_A_DEVICE,
            ("trust", "file", swapped),
            ("verify", "file", unchanged),
        )
    ),
]


@pytest.mark.parametrize(("resume", "kind", "change", "which"), CASES)
def test_a_table_flipped_at_any_byte_never_skips_wrongly(resume, kind, change, which, tmp_path):
    upload = Interrupted.found(tmp_path, resume=resume, kind=kind)
    content = upload.kept[upload.table]
    chance = random.Random(4)
    for position in range(len(content))[which]:
        damaged = bytearray(content)
        damaged[position] ^= 1 << chance.randrange(8)
        assert upload.go_on(damaged, change) == 0, (position, upload.outcomes[-1])
    assert upload.go_on(content, unchanged) == 0
    assert upload.line.calls["put"] == 1, "undamaged, only the block in doubt is put"


@pytest.mark.parametrize(("resume", "kind", "change", "which"), CASES)
def test_a_table_cut_at_any_byte_never_skips_wrongly(resume, kind, change, which, tmp_path):
    upload = Interrupted.found(tmp_path, resume=resume, kind=kind)
    content = upload.kept[upload.table]
    for size in range(len(content))[which]:
        assert upload.go_on(content[:size], change) == 0, (size, upload.outcomes[-1])
