"""An upload ends with a snapshot that equals its source, on whichever hosts it was worked on."""

import pytest
from simulation.hosts import HostsHistory
from simulation.invariants import Violation
from simulation.test_histories import name, seeds

from bulkput.ledger.segments import LedgerReplacement
from bulkput.store import take_up

SHORT_SEEDS = 25
LONG_SEEDS = 5_000


def live(chosen, folder):
    histories = []
    for seed in chosen:
        own = folder / str(seed)
        own.mkdir()
        history = HostsHistory(seed, own)
        try:
            history.live()
        except Exception as error:
            error.add_note(f"repeat with BULKPUT_SEED={seed}")  # whatever it is
            raise
        histories.append(history)
    return histories


@pytest.mark.parametrize("chosen", seeds(0, SHORT_SEEDS), ids=name)
def test_every_history_of_hosts_ends_in_a_snapshot_that_equals_its_source(chosen, tmp_path):
    histories = live(chosen, tmp_path)
    if len(histories) > 10:
        assert sum(history.switches for history in histories) > len(histories) / 2


@pytest.mark.long
@pytest.mark.parametrize("chosen", seeds(SHORT_SEEDS, LONG_SEEDS), ids=name)
def test_five_thousand_histories_of_hosts_end_in_the_right_snapshot(chosen, tmp_path):
    live(chosen, tmp_path)


def what_is_not_known_was_never_sent(patch):
    real = take_up.replace

    def replace(header, **facts):
        return real(header, **facts | ({"marks_lost": False} if "marks_lost" in facts else {}))

    patch.setattr(take_up, "replace", replace)


def a_missing_piece_was_never_written(patch):
    real = LedgerReplacement.write
    patch.setattr(LedgerReplacement, "write", lambda self, number, _: real(self, number, b""))
    what_is_not_known_was_never_sent(patch)


NOTICED_BY = {what_is_not_known_was_never_sent: 19, a_missing_piece_was_never_written: 29}
"""The seed to begin with; another one costs only time."""


@pytest.mark.parametrize("bug", NOTICED_BY)
def test_a_bug_planted_in_the_take_up_is_caught(bug, tmp_path, monkeypatch):
    bug(monkeypatch)
    for seed in range(NOTICED_BY[bug], NOTICED_BY[bug] + 100):
        try:
            live(range(seed, seed + 1), tmp_path)
        except Violation:
            return
    pytest.fail("100 seeds did not notice it")


@pytest.mark.parametrize("seed", [1404, 2507])
def test_zeros_that_a_host_put_for_want_of_knowledge_are_not_left_out_by_the_next(seed, tmp_path):
    live((seed,), tmp_path)


def test_blocks_of_a_start_that_another_host_went_on_with_are_not_left_out(tmp_path):
    live((2322,), tmp_path)
