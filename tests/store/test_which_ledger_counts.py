"""The folder's ledger or the store's: by the facts of both, never a mixture."""

import pytest
from support.ledgers import SNAPSHOT_ID, make_header

from bulkput.ledger.header import LedgerPhase as Phase
from bulkput.store.which import LocalLedger, StoredLedger, Take, which

OTHER_ID = "snap-0fedcba9876543210"


def header(phase=Phase.UPLOADING, **facts):
    named = {"snapshot_id": None if phase is Phase.STARTING else SNAPSHOT_ID}
    return make_header(10, phase=phase, **(named | facts))


HERE = {"writer_id": "one", "sequence": 5}
"""The last cut that the folder knows of as its own."""

TABLE = {
    "nothing anywhere": (None, HERE, None, HERE, Take.NOTHING),
    "only here": (header(), HERE, None, HERE, Take.LOCAL),
    "only there": (None, HERE, header(), HERE, Take.STORED),
    "the store has a cut of this folder": (header(), HERE, header(), HERE, Take.LOCAL),
    "the store lags behind": (header(), HERE, header(), HERE | {"sequence": 4}, Take.LOCAL),
    "a copy of the folder went on": (header(), HERE, header(), HERE | {"sequence": 6}, Take.STORED),
    "another host went on": (
        header(),
        HERE,
        header(),
        {"writer_id": "two", "sequence": 6},
        Take.STORED,
    ),
    "the folder never had a store": (
        header(),
        {},
        header(),
        {"writer_id": "two", "sequence": 1},
        Take.STORED,
    ),
    "sealed here, unknown there": (
        header(Phase.SEALING),
        {},
        header(),
        {"writer_id": "two", "sequence": 9},
        Take.LOCAL,
    ),
    "sealed there": (header(), HERE, header(Phase.SEALING), HERE, Take.STORED),
    "completed there": (
        header(Phase.SEALING),
        HERE,
        header(Phase.COMPLETED),
        {"writer_id": "two", "sequence": 6},
        Take.STORED,
    ),
    "failed here, open there": (
        header(Phase.FAILED),
        HERE,
        header(),
        {"writer_id": "two", "sequence": 6},
        Take.LOCAL,
    ),
    "started there, about to start here": (
        header(Phase.STARTING),
        HERE,
        header(),
        {"writer_id": "two", "sequence": 6},
        Take.STORED,
    ),
    "started here, about to start there as well": (
        header(),
        HERE,
        header(Phase.STARTING),
        {"writer_id": "two", "sequence": 6},
        Take.STORED,
    ),
    "started here, its start is all that the store has": (
        header(),
        HERE,
        header(Phase.STARTING),
        HERE,
        Take.LOCAL,
    ),
    "started here with what others may have put in mind": (
        header(marks_lost=True),
        HERE,
        header(Phase.STARTING),
        {"writer_id": "two", "sequence": 6},
        Take.LOCAL,
    ),
    "sealed here, about to start there": (
        header(Phase.SEALING),
        HERE,
        header(Phase.STARTING),
        {"writer_id": "two", "sequence": 6},
        Take.LOCAL,
    ),
    "a later attempt here": (
        header(attempt=2, nonce="bb"),
        {},
        header(),
        {"writer_id": "two", "sequence": 9},
        Take.LOCAL,
    ),
    "a later attempt there": (
        header(),
        HERE,
        header(attempt=2, nonce="bb", snapshot_id=OTHER_ID),
        {"writer_id": "two", "sequence": 9},
        Take.STORED,
    ),
    "another upload, over here": (
        header(Phase.COMPLETED, delivered=True, updated_unix_s=9.0),
        HERE,
        header(nonce="bb", snapshot_id=OTHER_ID),
        {"writer_id": "two", "sequence": 6},
        Take.STORED,
    ),
    "another upload, over there": (
        header(nonce="bb", snapshot_id=OTHER_ID),
        HERE,
        header(Phase.COMPLETED, delivered=True, updated_unix_s=9.0),
        {"writer_id": "two", "sequence": 6},
        Take.LOCAL,
    ),
    "another upload, changed later": (
        header(nonce="bb", snapshot_id=OTHER_ID, updated_unix_s=3.0),
        HERE,
        header(updated_unix_s=4.0),
        {"writer_id": "two", "sequence": 6},
        Take.STORED,
    ),
}


@pytest.mark.parametrize("case", TABLE)
def test_which_ledger_counts(case):
    ours, known, theirs, stored, take = TABLE[case]
    assert which(LocalLedger(ours, **known), StoredLedger(theirs, **stored)) is take
