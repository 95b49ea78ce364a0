from random import Random

import pytest

from bulkput.model.failure import FailureClass
from bulkput.pace.retry import POLICIES, RetryPolicy, decide

FATAL = {
    FailureClass.ACCESS_DENIED,
    FailureClass.KEY_UNUSABLE,
    FailureClass.INVALID,
    FailureClass.CONFLICT,
    FailureClass.GONE,
    FailureClass.QUOTA,
    FailureClass.PROXY_REFUSED,
}


def attempts_made(failure, *, elapsed_s=0.0):
    """Return how many attempts a call makes that always fails, up to 1000."""
    rng = Random(1)
    for attempt in range(1, 1000):
        if decide(failure, attempt, elapsed_s, rng) is None:
            return attempt
    return 1000


def test_every_class_of_failure_has_a_row():
    assert set(POLICIES) == set(FailureClass)


@pytest.mark.parametrize("failure", sorted(FATAL, key=lambda failure: failure.name))
def test_a_fatal_failure_ends_the_call_at_once(failure):
    assert decide(failure, 1, 0.0, Random(1)) is None


@pytest.mark.parametrize("failure", sorted(set(FailureClass) - FATAL, key=lambda f: f.name))
def test_any_other_failure_is_repeated_at_least_once(failure):
    assert decide(failure, 1, 0.0, Random(1)) is not None


@pytest.mark.parametrize(
    ("failure", "attempts"),
    [
        (FailureClass.SIGNATURE, 2),
        (FailureClass.CHECKSUM_MISMATCH, 3),
        (FailureClass.UNDOCUMENTED, 5),
        (FailureClass.TRANSIENT, 1000),
        (FailureClass.THROTTLED_ACCOUNT, 1000),
        (FailureClass.THROTTLED_SNAPSHOT, 1000),
    ],
)
def test_attempts_are_bounded_where_the_cause_does_not_pass(failure, attempts):
    assert attempts_made(failure) == attempts


def test_a_snapshot_that_is_not_visible_is_waited_for_until_two_minutes_after_its_start():
    rng = Random(1)
    elapsed_s, attempt = 0.0, 1
    while (delay_s := decide(FailureClass.NOT_YET_VISIBLE, attempt, elapsed_s, rng)) is not None:
        assert delay_s >= 0.25
        elapsed_s += delay_s
        attempt += 1
    assert 115 < elapsed_s <= 120


def test_a_snapshot_that_vanishes_later_is_not_waited_for():
    assert decide(FailureClass.NOT_YET_VISIBLE, 1, 121.0, Random(1)) is None
    assert decide(FailureClass.NOT_YET_VISIBLE, 1, float("inf"), Random(1)) is None


def test_too_many_pending_snapshots_are_tried_later_and_not_for_ever():
    rng = Random(1)
    delays = [decide(FailureClass.CONCURRENT_LIMIT, n, 0.0, rng) for n in range(1, 100)]
    assert min(delays) >= 30
    assert max(delays) <= 120
    assert decide(FailureClass.CONCURRENT_LIMIT, 1, 600.0, rng) is None


def test_the_jitter_is_full_at_the_cap_and_after_thousands_of_attempts():
    rng = Random(1)
    delays = [decide(FailureClass.TRANSIENT, 5000, 0.0, rng) for _ in range(2000)]
    assert 0 <= min(delays) < 0.1
    assert 4.9 < max(delays) <= 5.0
    assert sum(delays) / len(delays) == pytest.approx(2.5, rel=0.05)


def test_the_delay_doubles_up_to_the_cap():
    class Highest(Random):
        def random(self):
            return 1.0

    policy = RetryPolicy(base_s=0.1, cap_s=1.0)
    delays = [policy.delay_s(attempt, 0.0, Highest()) for attempt in range(1, 7)]
    assert delays == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0])


def test_the_same_seed_gives_the_same_delays():
    assert decide(FailureClass.TRANSIENT, 3, 0.0, Random(7)) == decide(
        FailureClass.TRANSIENT, 3, 0.0, Random(7)
    )
