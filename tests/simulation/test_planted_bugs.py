"""The simulation is worth something only if it notices a broken engine: each bug must be caught."""

import pytest
from simulation.history import History
from simulation.invariants import Violation
from simulation.planted import BUGS
from simulation.test_histories import SHORT_SEEDS

NOTICED_BY = {
    "sent_only_in_the_ledger_after_the_put": 18,
    "the_aggregate_is_of_the_first_reading": 21,
    "unreadable_blocks_become_zeros": 38,
    "a_failed_volume_hangs": 34,
}
"""The seed to begin with where most do not notice; another one costs only time."""


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_a_planted_bug_is_caught_by_one_of_the_seeds(bug, tmp_path, monkeypatch):
    bug(monkeypatch)
    known = NOTICED_BY.get(bug.__name__, 0)
    for seed in [*range(known, SHORT_SEEDS), *range(known)]:
        folder = tmp_path / str(seed)
        folder.mkdir()
        try:
            History(seed, folder).live()
        except Violation:
            return
    pytest.fail(f"{SHORT_SEEDS} seeds did not notice it")
