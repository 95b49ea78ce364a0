"""The table of promises in ``tests/README.md`` names tests that are there."""

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]


def test_what_the_table_names_is_there():
    text = (TESTS / "README.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    named = {name for row in rows for name in re.findall(r"`([\w/]+(?:\.py|/))`", row)}
    assert len(named) > 40
    missing = {
        name
        for name in named - {"jobs/", "bulkput/", "bulkput/jobs/"}
        if not (TESTS / name).exists()
    }
    assert not missing
