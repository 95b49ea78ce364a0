"""What the driver of a run makes of what it hears: on virtual time, each end as scripted."""

import asyncio
from types import SimpleNamespace

import pytest
from support.fleet_driver import ended, lived, refusal, statuses

from bulkput.fleet.permits import MOST_DEFAULT, PermitAnswer
from bulkput.fleet.retries import FIRST_DELAY_S
from bulkput.model.errors import TemporaryError
from bulkput.model.events import Noted, VolumeEnded, VolumeStarted
from bulkput.model.progress import Progress


def test_outcomes_come_in_the_order_of_the_job_however_the_volumes_end(tmp_path):
    async def story(fleet):
        running = fleet.begin()
        await fleet.until_started(3)
        for number in (2, 0, 1):
            fleet.cluster.end(number, ended(fleet.cluster.attempts[number][0]))
            await fleet.clock.sleep(3)
        assert statuses(await running) == [(name, "completed", 0) for name in "abc"]
        assert [each.outcome.volume for each in fleet.heard.of(VolumeEnded)] == ["c", "a", "b"]
        hosts = {order.volume: host for order, host, _ in fleet.cluster.attempts}
        assert {each.volume: each.host for each in running.result()} == hosts

    lived(tmp_path, story, "abc")


def test_a_place_that_becomes_free_is_taken_at_once(tmp_path):
    async def story(fleet):
        running = fleet.begin()
        await fleet.until_started(2)
        await fleet.clock.sleep(0.1)
        for number in range(4):
            assert len(fleet.cluster.attempts) == min(2 + number, 4)
            fleet.cluster.end(number, ended(fleet.cluster.attempts[number][0]))
            await fleet.clock.sleep(0.1)
        assert len(await running) == 4

    lived(tmp_path, story, "abcd", fleet={"volumes_per_host": 1})


@pytest.mark.parametrize("hangs", [True, False])
def test_a_run_whose_quota_nobody_gives_ends_in_a_sentence(tmp_path, hangs):
    async def story(fleet):
        fleet.quota.is_away = hangs
        if not hangs:  # its process cannot load the program, each time
            fleet.quota.actor = SimpleNamespace(
                version=lambda: refusal(["ActorUnavailableError"]),
                begin=lambda *_: refusal(["ActorUnavailableError"]),
                take_permit=lambda *_: refusal(["ActorUnavailableError"]),
                free_permits=lambda *_: refusal(["ActorUnavailableError"]),
                seen_pending=lambda *_: refusal(["ActorUnavailableError"]),
            )
        with pytest.raises(TemporaryError, match="bulkput on the cluster's head"):
            await asyncio.wait_for(fleet.begin(), 600)
        assert not fleet.cluster.attempts

    lived(tmp_path, story, "ab")


def test_an_end_that_comes_while_the_driver_waits_for_an_actor_is_not_lost(tmp_path):
    async def story(fleet):
        fleet.cluster.on_start = ended
        fleet.mailbox.delay_s = fleet.quota.delay_s = 3.0
        outcomes = await asyncio.wait_for(fleet.begin(), 120)
        assert statuses(outcomes) == [(name, "completed", 0) for name in "abcdef"]

    lived(tmp_path, story, "abcdef")


def test_ends_of_many_volumes_in_one_moment_are_all_heard(tmp_path):
    async def story(fleet):
        running = fleet.begin()
        await fleet.until_started(8)
        for number, (order, _, _) in enumerate(list(fleet.cluster.attempts)):
            fleet.cluster.end(number, ended(order))
        assert len(await asyncio.wait_for(running, 5)) == 8

    lived(tmp_path, story, "abcdefgh")


def test_what_an_attempt_sent_is_heard_before_its_end(tmp_path):
    async def story(fleet):
        running = fleet.begin()
        await fleet.until_started(1)
        order, host, _ = fleet.cluster.attempts[0]
        messages = [VolumeStarted(Progress("disk"), "/x"), Noted("disk", "last words")]
        fleet.mailbox.actor.push("disk", order.client, messages)
        fleet.cluster.end(0, ended(order))
        await running
        kinds = [type(each) for each in fleet.heard]
        assert kinds == [VolumeStarted, Noted, VolumeEnded]
        assert fleet.heard[0].progress.host == host

    lived(tmp_path, story)


def test_what_comes_after_the_end_of_its_attempt_is_of_the_past(tmp_path):
    async def story(fleet):
        running = fleet.begin()
        await fleet.until_started(2)
        order = fleet.cluster.attempts[0][0]
        fleet.cluster.end(0, ended(order))
        await fleet.clock.sleep(3)
        fleet.mailbox.actor.push(order.volume, order.client, [Noted(order.volume, "late")])
        await fleet.clock.sleep(3)
        fleet.cluster.end(1, ended(fleet.cluster.attempts[1][0]))
        await running
        assert fleet.heard.of(Noted) == []

    lived(tmp_path, story, "ab")


@pytest.mark.parametrize(
    ("end", "attempts", "code"),
    [
        (lambda order: ended(order, "failed", 6), 1, 6),
        (lambda order: ended(order, "failed", 137), 3, 10),
        (lambda _: refusal(["WorkerCrashedError"]), 3, 10),
        (lambda _: refusal(["NodeDiedError"]), 4, 10),
        (lambda _: refusal(["RuntimeEnvSetupError"]), 4, 10),
        (lambda _: refusal(["RayTaskError", "KeyError"]), 2, 1),
        (lambda _: ImportError(), 1, 3),
        (lambda _: asyncio.InvalidStateError(), 2, 1),
    ],
)
def test_each_end_has_its_own_retries_and_none_hangs(tmp_path, end, attempts, code):
    async def story(fleet):
        fleet.cluster.on_start = end
        outcomes = await asyncio.wait_for(fleet.begin(), 3600)
        assert statuses(outcomes) == [("disk", "failed", code)]
        assert len(fleet.cluster.attempts) == attempts
        assert len(fleet.heard.of(VolumeEnded)) == 1
        assert len({order.client for order, _, _ in fleet.cluster.attempts}) == attempts

    lived(tmp_path, story)


def test_starts_that_the_head_does_not_take_are_made_again(tmp_path):
    async def story(fleet):
        start, refused = fleet.cluster.start, [True, True]

        async def refusing(*given):
            if refused and refused.pop():
                raise TemporaryError("the head does not answer")
            return await start(*given)

        fleet.cluster.on_start, fleet.cluster.start = ended, refusing
        outcomes = await asyncio.wait_for(fleet.begin(), 120)
        assert statuses(outcomes) == [(name, "completed", 0) for name in "abc"]

    lived(tmp_path, story, "abc")


def test_a_lost_attempt_is_repeated_and_a_later_success_counts(tmp_path):
    async def story(fleet):
        running = fleet.begin()
        await fleet.until_started(1)
        fleet.cluster.end(0, refusal(["NodeDiedError"]))
        await fleet.until_started(2)
        assert fleet.clock.monotonic_s() >= FIRST_DELAY_S
        fleet.cluster.end(1, ended(fleet.cluster.attempts[1][0]))
        assert statuses(await running) == [("disk", "completed", 0)]
        (note,) = fleet.heard.of(Noted)
        assert "its host was lost" in note.text

    lived(tmp_path, story)


def test_the_permit_of_one_that_is_known_to_be_gone_is_free_at_once_and_else_is_not(tmp_path):
    async def story(fleet):
        running = fleet.begin()
        await fleet.until_started(2)
        fleet.cluster.end(0, refusal(["WorkerCrashedError"]))
        fleet.cluster.end(1, refusal(["NodeDiedError"]))  # its host may work on
        await fleet.clock.sleep(0.1)
        assert [
            fleet.quota.actor.take_permit(order.account, order.permit, "another", None)
            for order, _, _ in fleet.cluster.attempts
        ] == [PermitAnswer.GRANTED, PermitAnswer.HELD_BY_ANOTHER]
        running.cancel()
        await asyncio.wait([running])

    lived(tmp_path, story, "ab")


def test_without_a_free_permit_nothing_starts_and_then_all_do(tmp_path):
    async def story(fleet):
        fleet.pending = [f"snap-{number}" for number in range(MOST_DEFAULT + 10)]
        fleet.cluster.on_start = ended
        running = fleet.begin()
        await fleet.clock.sleep(100)
        assert fleet.cluster.attempts == []
        fleet.pending = []
        assert len(await asyncio.wait_for(running, 300)) == 2

    lived(tmp_path, story, "ab")


def test_volumes_with_pending_snapshots_need_no_free_permit_when_the_account_is_full(tmp_path):
    """Those of a run that was killed: nothing else could end them but their time out."""

    async def story(fleet):
        fleet.pending = [f"snap-{number}" for number in range(MOST_DEFAULT + 8)]
        fleet.pending += [("snap-b", fleet.tag("b")), ("snap-d", fleet.tag("d"))]
        running = fleet.begin()
        await fleet.until_started(2)
        await fleet.clock.sleep(100)
        assert [order.volume for order, _, _ in fleet.cluster.attempts] == ["b", "d"]
        for number, (order, _, _) in enumerate(list(fleet.cluster.attempts)):
            fleet.cluster.end(number, ended(order))
        fleet.cluster.on_start, fleet.pending = ended, []
        assert statuses(await running) == [(name, "completed", 0) for name in "abcd"]

    lived(tmp_path, story, "abcd")


def test_a_service_that_does_not_answer_keeps_the_driver_from_nothing_else(tmp_path):
    async def story(fleet):
        running = fleet.begin()
        await fleet.until_started(1)
        fleet.ec2_delay_s = 900.0
        await fleet.clock.sleep(100)
        ended_s = fleet.clock.monotonic_s()
        fleet.cluster.end(0, ended(fleet.cluster.attempts[0][0]))
        assert statuses(await running) == [("disk", "completed", 0)]
        assert fleet.clock.monotonic_s() < ended_s + 5
        await fleet.account.close()

    lived(tmp_path, story)


def test_a_permit_that_is_refused_is_asked_for_again(tmp_path):
    async def story(fleet):
        fleet.cluster.on_start = ended
        running = fleet.begin()
        permits = fleet.quota.actor
        real, refused = permits.take_permit, []

        def refuse(account, permit, client, snapshot_id):
            if len(refused) < 3:
                return refused.append(client)
            return real(account, permit, client, snapshot_id)

        permits.take_permit = refuse
        assert statuses(await running) == [("disk", "completed", 0)]
        assert len(fleet.cluster.attempts) == 1
        assert fleet.cluster.attempts[0][0].client not in refused

    lived(tmp_path, story)


def test_one_that_did_not_begin_is_no_attempt(tmp_path):
    async def story(fleet):
        def end(order):
            return (
                ended(order, "not-started", 5) if len(fleet.cluster.attempts) < 15 else ended(order)
            )

        fleet.cluster.on_start = end
        assert statuses(await fleet.begin()) == [("disk", "completed", 0)]
        assert len(fleet.cluster.attempts) == 15

    lived(tmp_path, story)


def test_a_fresh_run_begins_anew_at_the_first_attempt_that_begins(tmp_path):
    async def story(fleet):
        fleet.driver._orders._is_fresh = True
        ends = iter([("not-started", 5), ("failed", 5), ("completed", 0)])
        fleet.cluster.on_start = lambda order: ended(order, *next(ends))
        await fleet.begin()
        delivered = [order.delivered for order, _, _ in fleet.cluster.attempts]
        assert delivered == [None, None, frozenset()]

    lived(tmp_path, story)
