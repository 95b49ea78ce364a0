"""Hosts that write to one snapshot at the same time never complete it wrongly."""

import os

import pytest
from simulation.test_histories import name, seeds
from simulation.writers import Writers
from virtual_time import run_virtual

SHORT_SEEDS = 25
LONG_SEEDS = 5_000


@pytest.fixture(autouse=True)
def _no_flushes(monkeypatch):
    """Spare the disk: nothing here loses its power."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(os, "fdatasync", lambda _: None)


def live(chosen, folder):
    at_once = lost = 0
    for seed in chosen:
        story = Writers(seed, folder / str(seed))
        completed = run_virtual(story.live())
        assert len(story.wrong_blocks(completed)) == 0, f"repeat with BULKPUT_SEED={seed}"
        for each in story.snapshots.values():
            if each.sealed:
                assert len(story.wrong_blocks(each)) == 0, f"repeat with BULKPUT_SEED={seed}"
        at_once += story.at_once > 1
        lost += story.lost
    return at_once, lost


@pytest.mark.parametrize("chosen", seeds(0, SHORT_SEEDS), ids=name)
def test_no_snapshot_is_completed_wrongly(chosen, tmp_path):
    at_once, lost = live(chosen, tmp_path)
    if len(chosen) > 10:
        assert at_once > 1
        assert lost > 1


@pytest.mark.long
@pytest.mark.parametrize("chosen", seeds(SHORT_SEEDS, LONG_SEEDS), ids=name)
def test_five_thousand_times_no_snapshot_is_completed_wrongly(chosen, tmp_path):
    live(chosen, tmp_path)
