"""Every upload ends with a snapshot that equals its source, whatever happened on the way.

A history is decided by one seed. ``BULKPUT_SEED=17 pytest tests/simulation/test_histories.py``
repeats one; ``-m long`` runs ten thousand.
"""

import os

import pytest
from simulation.history import History

EVENTFUL_SEEDS = 60
SHORT_SEEDS = 200
LONG_SEEDS = 10_000
_SEEDS_A_TEST = 25


def seeds(first, stop):
    """Return the seeds of each test: a few at a time, so that a test's cost is not pytest's."""
    given = os.environ.get("BULKPUT_SEED")
    if given is not None:
        return [range(int(given), int(given) + 1)]
    return [range(start, start + _SEEDS_A_TEST) for start in range(first, stop, _SEEDS_A_TEST)]


def name(chosen):
    return f"{chosen.start}-{chosen.stop - 1}"


def live(chosen, folder):
    """Live the histories of these seeds; returns their exit codes, and how many runs they had."""
    codes, runs = set(), 0
    for seed in chosen:
        own = folder / str(seed)
        own.mkdir()
        try:
            history = History(seed, own)
            history.live()
        except Exception as error:
            error.add_note(f"repeat with BULKPUT_SEED={seed}")  # whatever it is
            raise
        runs += history.run_number
        codes |= {outcome and outcome.exit_code for outcome in history.outcomes}
    return codes, runs


@pytest.mark.skipif("BULKPUT_SEED" in os.environ, reason="one seed is wanted")
def test_the_first_histories_end_so_and_are_eventful(tmp_path):
    """The seeds reach what they are for: deaths, resumes, failures of every exit code."""
    codes, runs = live(range(EVENTFUL_SEEDS), tmp_path)
    assert runs > 120
    assert codes >= {None, 0, 3, 4, 5, 6, 7}


@pytest.mark.parametrize("chosen", seeds(EVENTFUL_SEEDS, SHORT_SEEDS), ids=name)
def test_every_history_ends_in_a_snapshot_that_equals_its_source(chosen, tmp_path):
    live(chosen, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("chosen", seeds(SHORT_SEEDS, LONG_SEEDS), ids=name)
def test_ten_thousand_histories_end_in_a_snapshot_that_equals_its_source(chosen, tmp_path):
    live(chosen, tmp_path)


def test_a_seed_makes_the_same_history_each_time(tmp_path):
    runs = []
    for number in range(2):
        histories = []
        for seed in range(10):
            folder = tmp_path / f"{number}" / f"{seed}"
            folder.mkdir(parents=True)
            history = History(seed, folder)
            history.live()
            histories.append((history.story, history.unix_s, history.disk.blocks))
        runs.append(histories)
    assert runs[0] == runs[1]
    assert sum(len(story) for story, _, _ in runs[0]) > 250
