"""What the manual promises against each attacker names a test, and that test exists."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODEL = (ROOT / "bulkput/manual/security.md").read_text(encoding="utf-8").partition("## Threat")[2]
ROWS = [line.strip("|").split("|") for line in MODEL.splitlines() if line.startswith("| ")][1:]


def test_every_attacker_has_a_test_that_exists():
    assert len(ROWS) >= 9
    for who, *_, guards in ROWS:
        named = re.findall(r"`(tests/[\w/]+\.py)`", guards)
        assert named, who
        for path in named:
            text = (ROOT / path).read_text(encoding="utf-8")
            assert re.search(r"^(async )?def test_", text, re.MULTILINE), path


def test_it_says_how_to_report():
    assert "## How to report" in MODEL
