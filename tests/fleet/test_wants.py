"""What a volume's process wants of the quota follows its phase, and what its calls wait for."""

import pytest

from bulkput.fleet.lease import Resource
from bulkput.fleet.protocol import VolumeProgress
from bulkput.fleet.wants import LEAST_PER_S, RARE_CALLS_PER_S, Wants
from bulkput.model.progress import Phase, Progress

PUTS, GETS, STARTS, COMPLETES = Resource
MOST = {PUTS: 1000.0, GETS: 800.0}
RARE = RARE_CALLS_PER_S


class Process:
    """Counts every half second, as a volume's process does."""

    def __init__(self):
        self.progress = Progress("disk")
        self.held_s = {PUTS: 0.0, GETS: 0.0}
        self.now_s = 50.0
        self.wants = Wants(MOST, self.progress)

    def enter(self, phase):
        """Return whether that is asked for at once."""
        self.progress.phase = phase
        return self.count()

    def count(self):
        return self.wants.learn(self.now_s, VolumeProgress(self.progress, dict(self.held_s)))

    def work(self, seconds, *, puts_per_s=0.0, gets_per_s=0.0, held=()):
        """Return when it asked at once, in seconds from here."""
        urgent = []
        for look in range(1, round(2 * seconds) + 1):
            self.now_s += 0.5
            self.progress.puts.attempted = int(self.progress.puts.attempted + puts_per_s / 2)
            self.progress.gets.attempted = int(self.progress.gets.attempted + gets_per_s / 2)
            for resource in held:
                self.held_s[resource] += 0.5
            if self.count():
                urgent.append(look / 2)
        return urgent

    @property
    def amounts(self):
        return tuple(self.wants.amounts[each] for each in Resource)


@pytest.mark.parametrize(
    ("phase", "amounts"),
    [
        (Phase.PREPARING, (0, 0, RARE, 0)),
        (Phase.READING_PARENT, (0, 800, RARE, 0)),
        (Phase.STARTING, (0, 0, RARE, 0)),
        (Phase.COMPARING, (0, 800, 0, 0)),
        (Phase.UPLOADING, (1000, 0, 0, 0)),
        (Phase.SEALING, (0, 0, 0, RARE)),
        (Phase.WAITING, (0, 0, 0, 0)),
        (Phase.VERIFYING, (0, 800, 0, 0)),
        (Phase.PUBLISHING, (0, 0, 0, 0)),
        (Phase.DONE, (0, 0, 0, 0)),
    ],
)
def test_a_phase_wants_all_of_what_it_uses_and_nothing_else(phase, amounts):
    process = Process()
    process.enter(phase)
    assert process.amounts == amounts


def test_what_a_new_phase_needs_is_asked_for_at_once_and_once():
    process = Process()
    phases = (Phase.STARTING, Phase.UPLOADING, Phase.UPLOADING, Phase.SEALING, Phase.WAITING)
    assert [process.enter(each) for each in phases] == [False, True, False, True, False]


@pytest.mark.parametrize("puts_per_s", [0, 2, 8, 500])
def test_a_volume_that_its_share_holds_back_wants_all_however_few_puts_that_are(puts_per_s):
    process = Process()
    process.enter(Phase.UPLOADING)
    assert process.work(20, puts_per_s=puts_per_s, held=[PUTS]) == []
    assert process.amounts[0] == 1000


def test_one_that_its_source_holds_back_leaves_what_it_does_not_use():
    process = Process()
    process.enter(Phase.UPLOADING)
    process.work(4, puts_per_s=40)
    assert process.amounts[0] == 60
    process.work(2, puts_per_s=0)
    assert process.amounts[0] == LEAST_PER_S


def test_one_that_was_idle_asks_at_once_when_its_puts_wait():
    process = Process()
    process.enter(Phase.UPLOADING)
    process.work(10)
    assert process.work(3, puts_per_s=2, held=[PUTS]) == [1.0]
    assert process.amounts[0] == 1000


def test_calls_that_wait_in_a_phase_that_should_make_none_are_asked_for():
    process = Process()
    process.enter(Phase.WAITING)
    assert process.work(3, held=[GETS]) == [1.0]
    assert process.amounts == (0, 800, 0, 0)
    process.work(2)
    assert process.amounts == (0, 0, 0, 0)


def test_what_was_measured_in_an_earlier_phase_says_nothing_of_the_next():
    process = Process()
    process.enter(Phase.COMPARING)
    process.work(5, gets_per_s=10)
    assert process.amounts[1] == 15
    process.enter(Phase.UPLOADING)
    process.enter(Phase.VERIFYING)
    assert process.amounts[1] == 800
