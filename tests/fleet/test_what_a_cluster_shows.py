"""What Ray lists, loses and is refused, as the fleet takes it: without Ray."""

import asyncio
import json
import time
from types import SimpleNamespace

import pytest
from virtual_time import run_virtual

from bulkput.config.settings import JobSettings
from bulkput.fleet.described_node import LOOK_S, describe
from bulkput.fleet.fitting import require_fitting
from bulkput.fleet.host import host_command
from bulkput.fleet.inbox import Inbox
from bulkput.fleet.lease import LENGTH_S, ORPHAN_S, Ask, Resource
from bulkput.fleet.lost_attempt import lost_attempt
from bulkput.fleet.node import Node, nodes_of
from bulkput.fleet.node_labels import key_of, labels_by_node
from bulkput.fleet.protocol import Leave, Renewal, VolumeProgress
from bulkput.fleet.quota_actor import QuotaActor
from bulkput.fleet.retries import LOST
from bulkput.fleet.volume_logs import VolumeLogs, find_logs
from bulkput.model.errors import ConfigError, TemporaryError
from bulkput.model.events import Noted, VolumeEnded, VolumeStarted
from bulkput.model.outcome import VolumeOutcome
from bulkput.model.progress import Progress
from bulkput.observe.recorder import Recorder

CAPACITY = {Resource.PUTS: 1000.0}


def node(number, *, alive=True, **labels):
    return {
        "NodeID": f"{number:056x}",
        "Alive": alive,
        "NodeManagerHostname": "vm",
        "NodeManagerAddress": "10.0.0.1",
        "Labels": {"ray.io/node-id": "1", **{key.replace("_", "-"): labels[key] for key in labels}},
    }


def test_hosts_have_their_given_names_and_none_has_that_of_another():
    listed = [node(1, rack="7"), node(2, bulkput_host="db"), node(3, alive=False)]
    found = nodes_of(listed, {})
    assert [(each.name, dict(each.labels)) for each in found] == [
        ("db", {}),
        ("vm", {"rack": "7"}),
    ]


def test_a_name_that_several_hosts_have_is_no_host_s():
    """A volume would go to any of them, and its device is another disk there."""
    listed = [node(number << 200, bulkput_host="db") for number in (1, 2)]
    listed += [node(3 << 200), node(4 << 200, alive=False, bulkput_host="vm")]
    assert [each.name for each in nodes_of(listed, {})] == ["db-000001", "db-000002", "vm"]
    described = {node(3 << 200)["NodeID"]: {"bulkput-host": "db"}}
    assert {"db", "vm"}.isdisjoint(each.name for each in nodes_of(listed, described))
    assert [each.name for each in nodes_of(listed[1:], {})] == ["db", "vm"], "the other has left"


def test_a_node_that_something_else_started_has_the_labels_that_it_was_given_since():
    keys = [
        key_of(node(1)["NodeID"], {"bulkput-host": "db", "rack": "9"}),
        key_of(node(7)["NodeID"], {"bulkput-host": "gone"}),
    ]
    found = nodes_of([node(1, rack="7", disk="nvme"), node(2)], labels_by_node(keys))
    assert [(each.name, dict(each.labels)) for each in found] == [
        ("db", {"rack": "9", "disk": "nvme"}),
        ("vm", {}),
    ]


def test_a_host_joins_with_its_labels_and_offers_no_processes():
    command = host_command("10.0.0.5:6379", "db", {"rack": "7"})
    assert {"--address=10.0.0.5:6379", "--labels=rack=7,bulkput-host=db", "--num-cpus=0"} <= {
        *command
    }
    assert "--head" in host_command(None, None, {})


def error(*names, cause=None):
    kind = Exception
    for name in reversed(names):
        kind = type(name, (kind,), {})
    made = kind("of Ray")
    made.cause = cause
    return made


@pytest.mark.parametrize(
    ("names", "code", "is_gone"),
    [
        (("OutOfMemoryError", "RayError"), 137, True),
        (("WorkerCrashedError", "RayError"), 137, True),
        (("NodeDiedError", "RayError"), LOST, False),
        (("TaskUnschedulableError", "RayError"), LOST, False),
        (("RayTaskError", "RayError"), 1, True),
        (("ValueError",), 1, True),
    ],
)
def test_what_ray_loses_is_counted_by_how_it_was_lost(names, code, is_gone):
    found = lost_attempt(error(*names))
    assert (found.exit_code, found.is_gone) == (code, is_gone)


def test_a_host_without_the_program_is_named_so():
    found = lost_attempt(error("RayTaskError", "RayError", cause=ModuleNotFoundError("bulkput")))
    assert (found.exit_code, "no such bulkput" in found.error) == (3, True)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, "state_store"),
        ({"state_store": "s3://bucket/x", "max_duration": 60.0}, "max_duration"),
        ({"endpoint": "embedded", "state_store": "s3://bucket/x"}, "embedded"),
        ({"volumes": [{"source": "-"}]}, "standard input"),
    ],
)
def test_what_does_not_fit_a_fleet_is_refused_in_a_sentence(more, expected):
    job = {"version": 1, "volumes": [{"source": "/dev/null"}], **more}
    with pytest.raises(ConfigError, match=expected):
        require_fitting(JobSettings.model_validate(job))


class Clock:
    now_s = 1000.0

    def __call__(self):
        return self.now_s


def test_the_quota_s_actor_knows_an_account_from_its_run_and_after_a_restart_from_its_clients():
    clock = Clock()
    actor = QuotaActor(lambda: False, clock)
    renewal = Renewal(Ask("c", 1, {Resource.PUTS: 1000.0}), "p", None)
    assert actor.renew("acc", renewal).lease is None, "nobody has said what there is"
    assert actor.begin("acc", CAPACITY, ())
    assert actor.free_permits("acc") == 0, "EC2 was not asked"
    actor.seen_pending("acc", 0.0, [f"snap-{n}" for n in range(30)])
    assert actor.free_permits("acc") == 70
    assert actor.renew("acc", renewal).lease.amounts == CAPACITY
    assert not actor.begin("acc", {Resource.PUTS: 500.0}, ()), "another quota while one is in use"
    actor.leave("acc", Leave("c", "p", is_pending=False))
    assert actor.begin("acc", {Resource.PUTS: 500.0}, ())
    restarted = QuotaActor(lambda: True, clock)
    assert restarted.begin("acc", CAPACITY, ["c"])
    assert restarted.renew("acc", renewal).lease.amounts == {Resource.PUTS: 0.0}, "it learns"


def test_a_killed_run_s_clients_keep_another_quota_out_for_as_long_as_they_may_put_and_no_longer():
    clock = Clock()
    actor = QuotaActor(lambda: False, clock)
    assert actor.begin("acc", CAPACITY, ())
    actor.renew("acc", Renewal(Ask("c", 1, {Resource.PUTS: 1000.0}), "p", None))
    clock.now_s += LENGTH_S + ORPHAN_S - 1
    assert not actor.begin("acc", {Resource.PUTS: 500.0}, ())
    clock.now_s += 1
    assert actor.begin("acc", {Resource.PUTS: 500.0}, ())


class Heard:
    def __init__(self):
        self.events = []

    def on_event(self, event):
        self.events.append(event)


def outcome(code):
    return VolumeOutcome(volume="disk", source="x", status="failed", error="why", exit_code=code)


def test_messages_of_an_attempt_are_events_of_the_run_and_late_ones_are_of_the_past(tmp_path):
    heard = Heard()
    inbox = Inbox(VolumeLogs(heard, tmp_path / "fleet" / "run"))
    inbox.open("run/disk/1", "disk", "db")
    inbox.take("run/disk/1", VolumeStarted(Progress("disk"), "x"))
    inbox.take("run/disk/1", VolumeProgress(Progress("disk", blocks_put=7)))
    progress = heard.events[0].progress
    assert (progress.blocks_put, progress.host) == (7, "db")
    inbox.keep_words("disk", "Segmentation fault")
    inbox.close("run/disk/1")
    inbox.take("run/disk/1", Noted("disk", "late"))
    inbox.finish(outcome(1))
    assert [type(each) for each in heard.events] == [VolumeStarted, VolumeEnded]
    (log,) = find_logs(tmp_path, "disk")
    text = log.read_text()
    assert all(each in text for each in ("started on db", "Segmentation fault", "failed: why"))
    inbox.finish(outcome(0))
    assert find_logs(tmp_path, "disk") == []


def test_every_event_of_a_volume_in_a_fleet_names_its_host():
    recorder = Recorder(5.0)
    recorder.take(VolumeStarted(Progress("disk", host="db"), "x"))
    recorder.take(Noted("disk", "hello"))
    recorder.take(Noted("other", "hello"))
    recorder.take(VolumeEnded(outcome(1)))
    records = [each.fields for each in recorder.records(time.monotonic(), last=True)]
    assert [each.get("host") for each in records if each["volume"] == "disk"] == ["db"] * 4
    assert [each.get("host") for each in records if each["volume"] == "other"] == [None]
    json.dumps(records)


class Labels:
    def __init__(self):
        self.kept = {}
        self.is_without_head = False

    async def keep(self, node_id, labels):
        self.kept[node_id] = labels

    async def drop(self, node_id):
        if self.is_without_head:
            raise TemporaryError("the head does not answer")
        del self.kept[node_id]


@pytest.mark.parametrize("ends_by", ["cancel", "cancel without a head", "loss"])
def test_a_node_is_described_as_long_as_the_command_runs(ends_by):
    labels, alive, reported = Labels(), ["id"], []

    async def nodes():
        return [Node(each, "db", "10.0.0.1") for each in alive]

    async def live():
        cluster = SimpleNamespace(own_node_id="id", labels=labels, nodes=nodes)
        running = asyncio.create_task(describe(cluster, {"rack": "7"}, reported.append))
        await asyncio.sleep(3 * LOOK_S)
        assert labels.kept == {"id": {"rack": "7"}}
        labels.is_without_head = ends_by == "cancel without a head"
        if ends_by != "loss":
            running.cancel()
        else:
            alive.clear()
        error = TemporaryError if ends_by == "loss" else asyncio.CancelledError
        with pytest.raises(error):
            await running
        assert bool(labels.kept) is labels.is_without_head

    run_virtual(live())
    assert reported == ["this machine is the host db, as long as this command runs"]
