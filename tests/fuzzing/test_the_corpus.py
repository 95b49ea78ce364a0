"""What coverage-guided fuzzing found worth keeping: each is taken or refused in a sentence."""

import gzip
from pathlib import Path

import pytest
from fuzzing.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"


@pytest.mark.parametrize("name", sorted(each.name for each in CORPUS.iterdir()))
def test_whatever_is_kept_leads_to_no_finding(name):
    kept = sorted((CORPUS / name).glob("*.gz"))
    assert kept
    for each in kept:
        TARGETS[name](gzip.decompress(each.read_bytes()))
