"""The one retry layer: per class of failure, within one deadline, and never nested."""

import random

import pytest

from bulkput.model.errors import ServiceError
from bulkput.model.failure import FailureClass
from bulkput.pipeline.retry import Retrier


class ManualClock:
    """Sleeping advances it at once."""

    def __init__(self):
        self.now_s = 1000.0
        self.slept_s = []

    def monotonic_s(self):
        return self.now_s

    def unix_s(self):
        return self.now_s

    async def sleep(self, delay_s):
        self.slept_s.append(delay_s)
        self.now_s += delay_s


class Recovery:
    def __init__(self):
        self.errors = []

    async def recover(self, error):
        self.errors.append(error)


def retrier(clock, **more):
    settings = {"deadline_s": 900.0, **more}
    return Retrier(clock=clock, random=random.Random(1), recovery=Recovery(), **settings)


def script(*failures):
    """Return a call that fails in these ways and then returns ``done``, and its count."""
    calls = []

    async def call():
        calls.append(None)
        if len(calls) <= len(failures):
            raise ServiceError("PutSnapshotBlock", failures[len(calls) - 1], "scripted")
        return "done"

    return call, calls


def ignore(error, delay_s):
    pass


async def test_a_transient_failure_is_repeated_until_it_passes():
    call, calls = script(*[FailureClass.TRANSIENT] * 12)
    assert await retrier(ManualClock()).run(call, ignore) == "done"
    assert len(calls) == 13


async def test_a_fatal_failure_is_raised_at_once():
    call, calls = script(FailureClass.ACCESS_DENIED)
    with pytest.raises(ServiceError) as caught:
        await retrier(ManualClock()).run(call, ignore)
    assert len(calls) == 1
    assert caught.value.attempts == 1


async def test_each_class_of_failure_has_its_own_count_of_attempts():
    # A signature is refused once after four transient failures: it still gets its second try.
    call, calls = script(*[FailureClass.TRANSIENT] * 4, FailureClass.SIGNATURE)
    made = retrier(ManualClock())
    assert await made.run(call, ignore) == "done"
    assert len(calls) == 6
    assert [error.failure for error in made.recovery.errors][-1] is FailureClass.SIGNATURE


async def test_a_signature_refused_twice_is_final():
    call, calls = script(FailureClass.SIGNATURE, FailureClass.SIGNATURE)
    with pytest.raises(ServiceError):
        await retrier(ManualClock()).run(call, ignore)
    assert len(calls) == 2


async def test_the_deadline_bounds_all_attempts_together():
    clock = ManualClock()
    call, _ = script(*[FailureClass.TRANSIENT] * 10_000)
    with pytest.raises(ServiceError) as caught:
        await retrier(clock, deadline_s=60.0).run(call, ignore)
    assert clock.now_s <= 1060.0
    assert caught.value.attempts > 5
    assert f"after {caught.value.attempts} attempts" in str(caught.value)


async def test_a_missing_snapshot_is_waited_for_only_when_it_is_young():
    clock = ManualClock()
    young, young_calls = script(*[FailureClass.NOT_YET_VISIBLE] * 5)
    assert await retrier(clock, snapshot_started_s=990.0).run(young, ignore) == "done"
    assert len(young_calls) == 6
    old, old_calls = script(FailureClass.NOT_YET_VISIBLE)
    with pytest.raises(ServiceError):
        await retrier(clock, snapshot_started_s=clock.now_s - 121.0).run(old, ignore)
    assert len(old_calls) == 1


async def test_the_callback_of_a_retry_can_stop_it():
    call, calls = script(*[FailureClass.TRANSIENT] * 3)

    def stop(error, delay_s):
        raise KeyError

    with pytest.raises(KeyError):
        await retrier(ManualClock()).run(call, stop)
    assert len(calls) == 1


async def test_each_attempt_waits_at_the_gate_which_counts_against_no_deadline():
    clock = ManualClock()

    class Gate:
        async def admit(self):
            clock.now_s += 300.0
            return 300.0

    call, calls = script(*[FailureClass.TRANSIENT] * 3)
    assert await retrier(clock, deadline_s=60.0).run_gated(Gate(), call, ignore) == "done"
    assert (len(calls), clock.now_s > 2200) == (4, True)
