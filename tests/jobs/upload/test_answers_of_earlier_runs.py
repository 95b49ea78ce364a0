"""Whether a snapshot that an earlier run sealed answers for the source: the table."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from support.ledgers import make_header

from bulkput.jobs.upload.resume_decision import EarlierAnswer, decide_answer
from bulkput.ledger.header import LedgerPhase
from bulkput.model.zeros import ZeroPolicy

REPORT, COMPARE, NEW = EarlierAnswer.REPORT, EarlierAnswer.COMPARE, EarlierAnswer.START_NEW
WAS = {"kind": "file", "inode": 7}


@dataclass
class Source:
    """What the decision looks at."""

    kind: str = "file"
    reports_changes: bool = True
    is_sequential: bool = False
    size_bytes: int = 1000
    facts: dict = field(default_factory=lambda: dict(WAS))

    @property
    def identity(self):
        return SimpleNamespace(as_dict=lambda: self.facts)


def header():
    return make_header(
        1, source_identity=WAS, size_bytes=1000, snapshot_id="snap-1", phase=LedgerPhase.SEALING
    )


DEVICE = {"kind": "device", "reports_changes": False}
OTHER = {"facts": {"kind": "file", "inode": 8}}
TABLE = [
    # the source, resume, zeros -> decision
    ({}, "auto", "skip", REPORT),
    ({}, "trust", "skip", REPORT),
    ({}, "verify", "skip", COMPARE),
    ({}, "auto", "write", COMPARE),
    (OTHER, "auto", "skip", COMPARE),
    (OTHER, "trust", "skip", COMPARE),
    ({"reports_changes": False}, "auto", "skip", COMPARE),
    ({"reports_changes": False}, "trust", "skip", REPORT),
    (DEVICE, "auto", "skip", COMPARE),
    (DEVICE, "trust", "skip", REPORT),
    (DEVICE | {"is_sequential": True}, "auto", "skip", NEW),
    ({"is_sequential": True}, "verify", "skip", COMPARE),
    ({"size_bytes": 1001}, "trust", "skip", NEW),
    ({"kind": "stream", "reports_changes": False, "is_sequential": True}, "auto", "skip", NEW),
    ({"kind": "stream", "reports_changes": False, "is_sequential": True}, "trust", "skip", NEW),
    ({"kind": "object"}, "auto", "skip", REPORT),
    ({"kind": "object", "reports_changes": False}, "auto", "skip", COMPARE),
    ({"kind": "snapshot"}, "auto", "skip", REPORT),
]


@pytest.mark.parametrize(("source", "resume", "zeros", "expected"), TABLE)
def test_the_decision(source, resume, zeros, expected):
    decided = decide_answer(
        header(), Source(**source), resume=resume, zero_policy=ZeroPolicy(zeros)
    )
    assert decided is expected
