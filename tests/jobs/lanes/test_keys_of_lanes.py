"""Keys of lanes: asked for once by the job, renewed before they end, and sent to nobody else."""

import asyncio
import json
import os
import pickle
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.control import control
from support.lane_jobs import Heard, image, require_same, run, served
from support.whole import ACCESS_KEY, SECRET_KEY

from bulkput.ebs.credentials import ChainCredentials, Credentials
from bulkput.jobs.lanes.key_sender import KeySender
from bulkput.jobs.lanes.protocol import Keys, KeysRefreshed, PortionSettled
from bulkput.jobs.lanes.sent_credentials import SentCredentials
from bulkput.model.errors import CredentialsError, ServiceError
from bulkput.model.failure import FailureClass

SILENT = ServiceError("GetCredentials", FailureClass.TRANSIENT, "IMDS is silent")


class World:
    """Keys that live an hour and are renewed a quarter of it before their end, as botocore does."""

    def __init__(self):
        self.now_s = self.end_s = 0.0
        self.reads = self.walks = 0
        self.failure = None
        self.source = ChainCredentials(self.session, lambda: self.now_s)

    def session(self):
        async def get_credentials():
            self.walks += 1
            self.end_s = self.now_s  # of new ones nothing is known
            return self

        return SimpleNamespace(get_credentials=get_credentials)

    def refresh_needed(self, margin_s=900):
        return self.now_s >= self.end_s - margin_s

    async def get_frozen_credentials(self):
        if self.refresh_needed():
            if self.failure is not None:
                raise self.failure
            self.reads += 1
            self.end_s = self.now_s + 3600
        return SimpleNamespace(access_key=f"A{self.reads}", secret_key="canary", token=None)


class Lane:
    """Both ends of a lane, what travels between them being pickled."""

    def __init__(self, sender, keys):
        self.keys = keys
        self.heard = []
        self.wants = 0
        self._sender = sender
        self.credentials = SentCredentials(pickle.loads(pickle.dumps(keys)), self.ask)

    def ask(self):
        self.wants += 1
        self._sender.refresh(self)

    def send(self, message):
        self.heard.append(message)
        message = pickle.loads(pickle.dumps(message))
        if isinstance(message, Keys):
            self.credentials.adopt(message)
        else:
            self.credentials.refreshed(message)

    async def key(self):
        return (await self.credentials.current()).access_key


async def three_lanes(world):
    sender = KeySender(world.source)
    return sender, [Lane(sender, await sender.latest()) for _ in range(3)]


async def look(sender, lanes):
    sender.look(lanes)
    for _ in range(10):
        await asyncio.sleep(0)


async def test_all_lanes_have_the_keys_of_one_reading_and_hear_of_nothing_but_a_change():
    world = World()
    sender, lanes = await three_lanes(world)
    for _ in range(5):
        await look(sender, lanes)
    assert [await lane.key() for lane in lanes] == ["A1"] * 3
    assert (world.reads, world.walks, [lane.heard for lane in lanes]) == (1, 1, [[]] * 3)


async def test_lanes_have_new_keys_before_the_old_ones_end():
    world = World()
    sender, lanes = await three_lanes(world)
    for hour in range(1, 72):
        world.now_s = world.end_s - 600
        await look(sender, lanes)
        assert [await lane.key() for lane in lanes] == [f"A{hour + 1}"] * 3
        assert world.reads == hour + 1
    assert [len(lane.heard) for lane in lanes] == [71] * 3


async def test_a_lane_that_starts_while_keys_change_has_the_new_ones_at_the_next_look():
    world = World()
    sender, lanes = await three_lanes(world)
    late = Lane(sender, lanes[0].keys)
    world.now_s = world.end_s - 600
    await look(sender, lanes)
    await look(sender, [*lanes, late])
    assert await late.key() == "A2"
    assert world.reads == 2


async def test_refused_keys_are_renewed_once_for_a_crowd_of_puts_in_all_lanes():
    world = World()
    sender, lanes = await three_lanes(world)
    puts = [lane.credentials.refresh() for lane in lanes for _ in range(32)]
    await asyncio.gather(*puts)
    assert [await lane.key() for lane in lanes] == ["A2"] * 3
    assert (world.walks, [lane.wants for lane in lanes]) == (2, [1] * 3)
    world.now_s += 6
    await lanes[0].credentials.refresh()
    await look(sender, lanes)
    assert [await lane.key() for lane in lanes] == ["A3"] * 3


async def test_what_cannot_be_renewed_fails_a_lane_as_it_fails_the_job_and_passes():
    world = World()
    sender, lanes = await three_lanes(world)
    world.failure, world.now_s = SILENT, world.end_s - 600
    await look(sender, lanes)
    assert [await lane.key() for lane in lanes] == ["A1"] * 3  # they are valid still
    world.now_s = world.end_s + 1
    await look(sender, lanes)
    await look(sender, lanes)
    for lane in lanes:
        assert len(lane.heard) == 1
        with pytest.raises(ServiceError, match="IMDS is silent") as caught:
            await lane.credentials.current()
        assert caught.value.failure is FailureClass.TRANSIENT
    with pytest.raises(ServiceError, match="IMDS is silent"):
        await lanes[0].credentials.refresh()
    world.failure = None
    await look(sender, lanes)
    assert [await lane.key() for lane in lanes] == ["A2"] * 3


async def test_a_refresh_that_fails_leaves_the_keys_that_there_are():
    world = World()
    _, lanes = await three_lanes(world)
    world.failure = CredentialsError("the role is gone")
    with pytest.raises(CredentialsError, match="the role is gone"):
        await lanes[0].credentials.refresh()
    assert await lanes[0].key() == "A1"
    assert [type(message) for message in lanes[0].heard] == [KeysRefreshed]


async def test_a_sender_without_lanes_asks_nobody_and_can_be_closed_in_the_middle():
    world = World()
    sender = KeySender(world.source)
    await look(sender, [])
    assert world.walks == 0
    _, lanes = await three_lanes(world)
    await world.source._lock.acquire()  # somebody else is reading
    sender.refresh(lanes[0])
    await asyncio.sleep(0)
    await sender.close()
    assert [type(message) for message in lanes[0].heard] == [KeysRefreshed]


def test_no_message_shows_a_key():
    keys = Keys(Credentials("A", "canary", "canary"))
    assert "canary" not in f"{keys} {keys!r}"


@pytest.fixture
def counted_process(job, tmp_path, monkeypatch):
    """Let a credential process give the keys; returns the file with a line for each call of it."""
    calls, script = tmp_path / "calls", tmp_path / "keys.sh"
    ends = datetime.now(UTC) + timedelta(hours=1)
    keys = {
        "Version": 1,
        "AccessKeyId": ACCESS_KEY,
        "SecretAccessKey": SECRET_KEY,
        "Expiration": ends.isoformat(),
    }
    script.write_text(f"#!/bin/sh\necho called >> {calls}\necho '{json.dumps(keys)}'\n")
    script.chmod(0o755)
    config = tmp_path / "aws-config"
    config.write_text(f"[default]\ncredential_process = {script}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    return calls


async def test_a_credential_process_is_asked_once_for_all_processes_and_once_more_if_refused(
    job, together, tmp_path, counted_process
):
    with served(tmp_path) as server:
        fault = {"kind": "expired-token", "operation": "PutSnapshotBlock", "nth": 30}
        control(server, "faults", fault, keys=(ACCESS_KEY, SECRET_KEY))
        source = image(tmp_path / "disk.img", 40, 1)
        calls_so_far, shown = [], []

        def look_at(lane, message):
            if isinstance(message, PortionSettled) and not calls_so_far:
                calls_so_far.append(len(counted_process.read_text().split()))
                place = Path("/proc") / lane.name
                shown.append((place / "cmdline").read_bytes() + (place / "environ").read_bytes())

        together.append(look_at)
        (outcome,) = await run(job(server, source, processes=2), Heard())
        assert (outcome.status, outcome.blocks["put"]) == ("completed", 41)
        assert calls_so_far == [1]
        assert counted_process.read_text().split() == ["called"] * 2
        assert not any(SECRET_KEY.encode() in each for each in shown)
        require_same(server, outcome.snapshot_id, source, tmp_path)
    assert SECRET_KEY not in os.environ.values()
