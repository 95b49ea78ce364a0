"""The simulation is worth something only if it notices a broken engine: each bug must be caught."""

import pytest
from simulation.history import History
from simulation.planted import BUGS
from simulation.proof import Violation
from simulation.test_histories import SHORT_SEEDS


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_a_planted_bug_is_caught_by_one_of_the_seeds(bug, tmp_path, monkeypatch):
    bug(monkeypatch)
    for seed in range(SHORT_SEEDS):
        folder = tmp_path / str(seed)
        folder.mkdir()
        try:
            History(seed, folder).live()
        except Violation:
            return
    pytest.fail(f"{SHORT_SEEDS} seeds did not notice it")
