"""The simulation is worth something only if it notices a broken engine: each bug must be caught."""

import pytest
from simulation.history import History
from simulation.invariants import Violation
from simulation.planted import BUGS
from simulation.test_histories import SHORT_SEEDS

NOTICED_BY = {
    "unreadable_blocks_become_zeros": 30,
    "ec2_is_not_asked_about_encryption": 49,
    "failed_puts_are_repeated_after_a_stop": 26,
    "every_identity_is_believed": 12,
    "zeros_that_were_sent_as_data_are_skipped": 10,
    "holes_that_were_sent_as_data_are_skipped": 10,
    "an_encrypted_snapshot_lacks_its_zeros": 8,
    "puts_in_flight_outlive_the_run": 4,
    "a_failed_volume_hangs": 41,
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
