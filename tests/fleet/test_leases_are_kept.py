"""A lease and a permit are renewed in time, whatever the actor that gives them does."""

import asyncio

import pytest
from support.fleet_actors import Handle, Quota, order
from virtual_time import run_virtual

from bulkput.fleet.lease import LENGTH_S, ORPHAN_S, REFRESH_S, Resource
from bulkput.fleet.lease_keeper import CALL_LIMIT_S, LeaseKeeper
from bulkput.fleet.protocol import Renewed, VolumeProgress
from bulkput.model.progress import Phase, Progress

JOB = {"version": 1, "volumes": [{"name": "disk", "source": "/dev/null"}]}
OTHER = {"version": 1, "volumes": [{"name": "other", "source": "/dev/null"}]}


def now_s():
    return asyncio.get_running_loop().time()


class Kept:
    """A keeper beside a process that takes every share at once, if it is not stopped."""

    def __init__(self, handle, job=JOB, client="client-1"):
        self.keeper = LeaseKeeper(order(job, client), handle, now_s=now_s)
        self.shares = []
        self.is_taking = True
        self.phase, self.snapshot_id = Phase.UPLOADING, None

    async def begin(self):
        assert await self.keeper.renew()
        self.shares.append(self.keeper.begin(self.send))
        self.running = [asyncio.create_task(self.keeper.run()), asyncio.create_task(self.put())]
        await asyncio.sleep(0.5)  # it has begun to upload

    async def put(self):
        """Send all that it may, which holds it back."""
        sent = held_s = 0.0
        while True:
            await asyncio.sleep(0.25)
            sent += 0.25 * self.puts()
            held_s += 0.25 * (self.phase is Phase.UPLOADING)
            progress = Progress("disk", phase=self.phase, snapshot_id=self.snapshot_id)
            progress.puts.attempted = int(sent)
            self.keeper.count(VolumeProgress(progress, {Resource.PUTS: held_s}))

    def send(self, message):
        self.shares.append(message)
        if self.is_taking:
            self.keeper.taken(message.share.number)

    def puts(self):
        return self.shares[-1].share.may_use(now_s(), Resource.PUTS)

    async def end(self):
        for task in self.running:
            task.cancel()
        await asyncio.gather(*self.running, return_exceptions=True)


def lived(story, **quota):
    """Run a story of one that is kept and the quota that it is leased of."""

    async def live():
        actor = Quota(now_s=now_s, **quota)
        handle = Handle(actor)
        kept = Kept(handle)
        await kept.begin()
        await story(kept, handle)
        await kept.end()

    run_virtual(live())


def test_it_is_renewed_every_two_seconds_and_the_permit_with_it():
    async def story(kept, handle):
        await asyncio.sleep(60)
        assert len(handle.actor.renewals) == pytest.approx(60 / REFRESH_S, abs=2)
        assert [each.ask.in_use for each in handle.actor.renewals[-2:]] == [
            each.ask.number - 1 for each in handle.actor.renewals[-2:]
        ], "each ask confirms the lease before it"
        assert kept.keeper.has_permit
        assert handle.actor.permits.held == 1

    lived(story)


def test_what_a_lease_takes_away_is_confirmed_only_when_the_process_keeps_to_it():
    async def story(kept, handle):
        second = Kept(handle, OTHER, "client-2")
        await second.begin()
        kept.is_taking = False
        await asyncio.sleep(REFRESH_S)
        assert kept.puts() == 500, "the share was sent, and is not taken"
        asked = len([each for each in handle.actor.renewals if each.ask.client == "client-1"])
        await asyncio.sleep(LENGTH_S / 2)
        now = [each for each in handle.actor.renewals if each.ask.client == "client-1"]
        assert len(now) == asked, "it asked, which says that the share is in use"
        assert second.puts() == 0, "what it had before"
        kept.is_taking = True
        kept.keeper.taken(kept.shares[-1].share.number)
        await asyncio.sleep(3)
        assert (kept.puts(), second.puts()) == (500, 500)
        await second.end()

    lived(story)


@pytest.mark.parametrize("fault", ["hang", RuntimeError("the actor died")])
def test_without_answers_the_lease_lasts_then_its_safe_part_then_nothing(fault):
    async def story(kept, handle):
        await asyncio.sleep(5)
        began_s, handle.fault = now_s(), fault
        seen = []
        while not kept.keeper.is_lost:
            seen.append((now_s() - began_s, kept.puts(), kept.keeper.has_permit))
            await asyncio.sleep(0.5)
        assert all(puts == 1000 for at, puts, _ in seen if at < LENGTH_S - REFRESH_S - 0.5)
        assert all(puts == pytest.approx(1000 / 90) for at, puts, _ in seen if at > LENGTH_S)
        assert not any(has_permit for at, _, has_permit in seen if at > LENGTH_S)
        assert now_s() - began_s == pytest.approx(LENGTH_S + ORPHAN_S, rel=0.02)
        assert kept.puts() == 0

    lived(story)


@pytest.mark.parametrize(("fault", "most"), [("hang", 60), (RuntimeError("dead"), 60)])
def test_a_dead_actor_is_asked_as_often_as_one_that_lives(fault, most):
    async def story(kept, handle):
        calls = []
        real = type(handle).__getattr__

        class Counting(type(handle)):
            def __getattr__(self, name):
                calls.append(now_s())
                return real(self, name)

        handle.__class__ = Counting
        handle.fault = fault
        await asyncio.sleep(100)
        assert 100 / (REFRESH_S + CALL_LIMIT_S) - 1 <= len(calls) <= most

    lived(story)


def test_an_answer_after_a_silence_is_gone_by_at_once():
    async def story(kept, handle):
        handle.fault = "hang"
        await asyncio.sleep(LENGTH_S + 10)
        assert kept.puts() == pytest.approx(1000 / 90)
        handle.fault = None
        await asyncio.sleep(REFRESH_S + CALL_LIMIT_S)
        assert kept.puts() == 1000
        assert kept.keeper.has_permit

    lived(story)


def test_a_new_table_gives_no_more_than_there_was_and_more_when_it_has_learnt():
    async def story(kept, handle):
        handle.actor = Quota(now_s=now_s, learns=True)
        shares = []
        while now_s() < LENGTH_S - 1:
            shares.append(kept.puts())
            await asyncio.sleep(0.5)
        assert set(shares) == {1000}, "it was leased all of it, and nobody else is known"
        assert kept.keeper.has_permit
        assert handle.actor.permits.held == 1
        await asyncio.sleep(LENGTH_S)
        assert kept.puts() == 1000

    lived(story)


def test_starts_are_wanted_before_there_is_a_snapshot_and_seals_when_it_is_full():
    async def story(kept, handle):
        def amounts(message):
            rare = Resource.PUTS, Resource.STARTS, Resource.COMPLETES
            return tuple(message.share.may_use(now_s(), each) for each in rare)

        assert amounts(kept.shares[0]) == (0, 10, 0)
        assert amounts(kept.shares[-1]) == (1000, 0, 0)
        await asyncio.sleep(REFRESH_S + 0.3)
        asked, kept.phase = len(handle.actor.renewals), Phase.SEALING
        await asyncio.sleep(0.3)
        assert len(handle.actor.renewals) == asked + 1
        assert amounts(kept.shares[-1]) == (0, 0, 10)
        await asyncio.sleep(2 * REFRESH_S)
        assert len(handle.actor.renewals) <= asked + 4, "asked at once though it is no new phase"

    lived(story)


def test_a_permit_that_another_holds_is_refused_and_no_snapshot_may_be_started():
    async def story(kept, handle):
        second = Kept(handle, client="client-2")  # another attempt at the same volume
        await second.begin()
        assert second.keeper.is_refused
        assert second.shares[-1].permit_until_s < now_s()
        assert not kept.keeper.is_refused
        await second.end()

    lived(story)


def test_the_snapshot_is_reported_with_the_permit():
    async def story(kept, handle):
        kept.snapshot_id = "snap-1"
        await asyncio.sleep(REFRESH_S + 0.3)
        assert handle.actor.renewals[-1].snapshot_id == "snap-1"

    lived(story)


@pytest.mark.parametrize("fault", [None, "hang", RuntimeError("dead")])
def test_leaving_takes_no_longer_than_a_call(fault):
    async def story(kept, handle):
        handle.fault, began_s = fault, now_s()
        await kept.keeper.leave(is_pending=False)
        assert now_s() - began_s <= CALL_LIMIT_S
        assert handle.actor.permits.held == (0 if fault is None else 1)
        assert handle.actor.leases.clients == (() if fault is None else ("client-1",))

    lived(story)


def test_an_actor_that_does_not_know_the_account_yet_takes_nothing_away():
    async def story(kept, handle):
        class Empty:
            def renew(self, account, renewal):
                return Renewed(None, has_permit=False)

        handle.actor = Empty()
        await asyncio.sleep(LENGTH_S / 2)
        assert (kept.keeper.is_refused, kept.puts()) == (False, 1000)

    lived(story)
