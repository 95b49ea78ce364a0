"""A driver that is cancelled, stops at an error, or loses hosts and actors: on virtual time."""

import asyncio
import gc
from types import SimpleNamespace

import pytest
from support.fleet_driver import ended, lived, refusal, statuses

from bulkput.fleet.driver import DRAIN_MARGIN_S, HOST_WAIT_S, LOOK_S, SILENT_MAX_S
from bulkput.fleet.lease import LENGTH_S
from bulkput.fleet.mailbox import Mailbox
from bulkput.fleet.permits import MOST_DEFAULT
from bulkput.fleet.quota_actor import QuotaActor
from bulkput.fleet.run_state import STOPPING
from bulkput.fleet.running_attempt import LOST_GRACE_S
from bulkput.fleet.state import stop_run
from bulkput.model.errors import ConfigError, TemporaryError
from bulkput.model.events import Noted, VolumeEnded


def test_on_error_stop_lets_what_runs_end_and_starts_nothing_more(tmp_path):
    async def story(fleet):
        running = fleet.begin()
        await fleet.until_started(8)
        fleet.cluster.end(0, ended(fleet.cluster.attempts[0][0], "failed", 6))
        await fleet.clock.sleep(10)
        for number in range(1, 8):
            fleet.cluster.end(number, ended(fleet.cluster.attempts[number][0]))
        found = statuses(await running)
        assert found == [
            ("a", "failed", 6),
            *((name, "completed", 0) for name in "bcdefgh"),
            ("i", "not-started", 5),
        ]
        assert len(fleet.heard.of(VolumeEnded)) == 9

    lived(tmp_path, story, "abcdefghi", on_error="stop")


@pytest.mark.parametrize("is_signal", [True, False])
def test_a_cancelled_run_asks_all_to_stop_and_reports_what_became_of_them(tmp_path, is_signal):
    async def story(fleet):
        running = fleet.begin()
        await fleet.until_started(3)
        if is_signal:
            running.cancel()
        else:
            fleet.mailbox.actor.stop()
        await fleet.clock.sleep(5)
        order = fleet.cluster.attempts[0][0]
        assert fleet.mailbox.actor.push("a", order.client, []), "it was not asked to stop"
        assert not running.done(), "it did not wait"
        fleet.cluster.end(0, ended(order))
        fleet.cluster.end(1, ended(fleet.cluster.attempts[1][0], "stopped", 5))
        await asyncio.wait([running])
        with pytest.raises(asyncio.CancelledError if is_signal else TemporaryError):
            await running
        assert [each.outcome.status for each in fleet.heard.of(VolumeEnded)] == [
            "completed",
            "stopped",
        ]
        assert fleet.heard.of(Noted) == [], "what was stopped is not repeated"
        assert fleet.cluster.cancelled == [fleet.cluster.attempts[2][2]]
        grace_s = fleet.driver._context.settings.tuning.shutdown_grace_s
        assert fleet.clock.monotonic_s() == pytest.approx(grace_s + DRAIN_MARGIN_S, abs=3)

    lived(tmp_path, story, "abc")


def test_a_mailbox_that_is_started_again_while_a_run_stops_asks_all_to_stop(tmp_path):
    async def story(fleet):
        running = fleet.begin()
        await fleet.until_started(1)
        fleet.mailbox.actor.stop()
        await fleet.clock.sleep(2)
        fleet.mailbox.actor = Mailbox("job")
        await fleet.clock.sleep(2)
        order = fleet.cluster.attempts[0][0]
        assert fleet.mailbox.actor.push("disk", order.client, []), "it was not asked to stop"
        assert fleet.mailbox.actor.status()[STOPPING], "whoever cancels does not learn of it"
        fleet.cluster.end(0, ended(order, "stopped", 5))
        await asyncio.wait([running])
        with pytest.raises(TemporaryError, match="cancelled"):
            await running

    lived(tmp_path, story)


@pytest.mark.parametrize("fault", ["restart", "away", None])
def test_who_cancels_a_run_waits_until_its_driver_has_taken_it(tmp_path, fault):
    async def story(fleet):
        running = fleet.begin()
        await fleet.until_started(1)
        cluster = SimpleNamespace(runs=fleet.runs)
        stopping = asyncio.create_task(stop_run(cluster, "run", "job"))
        await fleet.clock.sleep(0)
        fleet.mailbox.is_away = fault == "away"
        if fault == "restart":
            await fleet.clock.sleep(0.01)
            fleet.mailbox.actor = Mailbox("job")
        await fleet.clock.sleep(5)
        fleet.mailbox.is_away = False
        await stopping
        fleet.cluster.end(0, ended(fleet.cluster.attempts[0][0], "stopped", 5))
        with pytest.raises(TemporaryError, match="cancelled"):
            await running

    lived(tmp_path, story)


def test_who_cancels_a_run_that_does_not_take_it_learns_so(tmp_path):
    async def story(fleet):
        cluster = SimpleNamespace(runs=fleet.runs)
        with pytest.raises(TemporaryError, match=r"job \(run\) .* has not confirmed it"):
            await stop_run(cluster, "run", "job")
        fleet.mailbox = None
        await stop_run(cluster, "run", "job")  # it has ended

    lived(tmp_path, story)


def test_a_cancelled_run_without_attempts_ends_at_once(tmp_path):
    async def story(fleet):
        fleet.pending = [f"snap-{number}" for number in range(MOST_DEFAULT + 10)]
        running = fleet.begin()
        await fleet.clock.sleep(5)
        running.cancel()
        await asyncio.wait([running])
        assert fleet.clock.monotonic_s() < 6

    lived(tmp_path, story)


def test_an_end_during_the_last_exchange_of_a_cancelled_run_is_reported(tmp_path):
    async def story(fleet):
        running = fleet.begin()
        await fleet.until_started(1)
        fleet.mailbox.delay_s = 2.0
        fleet.cluster.end(0, ended(fleet.cluster.attempts[0][0]))
        await fleet.clock.sleep(1)  # it hears what came before the end
        running.cancel()
        await asyncio.wait([running])
        assert [each.outcome.status for each in fleet.heard.of(VolumeEnded)] == ["completed"]
        assert fleet.cluster.cancelled == []

    lived(tmp_path, story)


def test_actors_that_are_away_for_a_while_cost_nothing(tmp_path):
    async def story(fleet):
        running = fleet.begin()
        await fleet.until_started(1)
        fleet.mailbox.is_away = fleet.quota.is_away = True
        await fleet.clock.sleep(SILENT_MAX_S - 10)
        fleet.mailbox.is_away = fleet.quota.is_away = False
        await fleet.clock.sleep(100)
        fleet.cluster.end(0, ended(fleet.cluster.attempts[0][0]))
        assert statuses(await running) == [("disk", "completed", 0)]

    lived(tmp_path, story)


def test_a_head_that_is_silent_for_good_ends_the_run_as_one_to_go_on_with(tmp_path):
    async def story(fleet):
        running = fleet.begin()
        await fleet.until_started(1)
        fleet.mailbox.is_away = fleet.quota.is_away = True
        with pytest.raises(TemporaryError, match="head does not answer any more"):
            await asyncio.wait_for(running, 2 * SILENT_MAX_S + 10)

    lived(tmp_path, story)


def test_attempts_on_a_host_that_has_left_are_lost_whatever_ray_reports_of_them(tmp_path):
    """Of one that was cut off it reports nothing for minutes."""

    async def story(fleet):
        running = fleet.begin()
        await fleet.until_started(2)
        left, stays = (host for _, host, _ in fleet.cluster.attempts)
        fleet.cluster.hosts = [stays]
        await fleet.until_started(3)
        assert fleet.clock.monotonic_s() >= LENGTH_S, "its host may work on by its permit"
        (order, host, _) = fleet.cluster.attempts[2]
        assert (order.volume, host) == (fleet.cluster.attempts[0][0].volume, stays)
        (note,) = fleet.heard.of(Noted)
        assert f"{left}: its host was lost" in note.text
        fleet.cluster.end(0, ended(fleet.cluster.attempts[0][0], "failed", 6))  # of the past
        for number in (1, 2):
            fleet.cluster.end(number, ended(fleet.cluster.attempts[number][0]))
        assert statuses(await running) == [("a", "completed", 0), ("b", "completed", 0)]

    lived(tmp_path, story, "ab")


def test_what_ray_reports_later_of_a_lost_attempt_is_for_nobody(tmp_path, caplog):
    async def story(fleet):
        running = fleet.begin()
        await fleet.until_started(1)
        fleet.cluster.hosts = ["a" if fleet.cluster.attempts[0][1] == "b" else "b"]
        await fleet.until_started(2)
        fleet.cluster.end(0, refusal(["NodeDiedError"]))
        await fleet.clock.sleep(1)
        gc.collect()
        assert caplog.text == ""
        fleet.cluster.end(1, ended(fleet.cluster.attempts[1][0]))
        assert statuses(await running) == [("disk", "completed", 0)]

    lived(tmp_path, story)


def test_an_end_that_ray_reports_soon_after_its_host_has_left_counts(tmp_path):
    async def story(fleet):
        running = fleet.begin()
        await fleet.until_started(1)
        fleet.cluster.hosts = []
        await fleet.clock.sleep(LOOK_S + LOST_GRACE_S - 1)
        fleet.cluster.end(0, ended(fleet.cluster.attempts[0][0]))
        assert statuses(await asyncio.wait_for(running, 5)) == [("disk", "completed", 0)]

    lived(tmp_path, story)


def test_a_host_that_a_volume_needs_is_waited_for_and_not_for_ever(tmp_path):
    async def story(fleet):
        fleet.cluster.hosts = []
        running = fleet.begin()
        await fleet.clock.sleep(HOST_WAIT_S - 10)
        fleet.cluster.hosts = ["a"]
        await fleet.until_started(1)
        fleet.cluster.end(0, ended(fleet.cluster.attempts[0][0], "failed", 5))
        fleet.cluster.hosts = []
        outcomes = await asyncio.wait_for(running, HOST_WAIT_S + 20)
        assert statuses(outcomes) == [("disk", "failed", 3)]
        assert "no host of the fleet is alive" in outcomes[0].error
        waits = [each for each in fleet.heard.of(Noted) if "waits for a host" in each.text]
        assert len(waits) == 2

    lived(tmp_path, story)


def test_a_run_that_has_another_quota_of_the_account_than_those_under_way_ends(tmp_path):
    async def story(fleet):
        fleet.quota.actor.begin = lambda *_: False
        with pytest.raises(TemporaryError, match=r"another run uses .* killed, .* for 320 s"):
            await asyncio.wait_for(fleet.begin(), 30)
        assert fleet.cluster.attempts == []

    lived(tmp_path, story)


@pytest.mark.parametrize(
    ("actor", "expected"),
    [
        (SimpleNamespace(version=lambda: "0.0.1"), r"is of bulkput 0\.0\.1, and this run of"),
        (SimpleNamespace(begin=lambda *_: True), "is of an earlier bulkput, and this run of"),
    ],
)
def test_a_run_whose_quota_another_version_keeps_is_refused_before_anything_starts(
    tmp_path, actor, expected
):
    async def story(fleet):
        fleet.quota.actor = actor
        with pytest.raises(ConfigError, match=f"{expected} .* start the cluster anew"):
            await asyncio.wait_for(fleet.begin(), 30)
        assert fleet.cluster.attempts == []

    lived(tmp_path, story)


def test_a_quota_that_was_started_again_learns_of_the_attempts_under_way(tmp_path):
    async def story(fleet):
        running = fleet.begin()
        await fleet.until_started(2)
        again, clients = QuotaActor(lambda: True, fleet.clock.monotonic_s), []
        begin = again.begin
        again.begin = lambda *given: clients.append(set(given[2])) or begin(*given)
        fleet.quota.actor = again
        await fleet.clock.sleep(2 * LOOK_S)
        assert {order.client for order, _, _ in fleet.cluster.attempts} in clients
        running.cancel()
        await asyncio.wait([running])

    lived(tmp_path, story, "ab")
