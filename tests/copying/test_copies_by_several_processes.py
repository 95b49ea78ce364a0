"""Snapshots copied by several processes: each gets at one end and puts at the other."""

import json
import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.lane_jobs import begin_after_lanes, lanes_of

from bulkput import TuningSettings, copy
from bulkput.emulator.faults import FaultKind
from bulkput.jobs.lanes.protocol import PortionSettled

from .conftest import KEYS


@pytest.fixture
def together(monkeypatch):
    """Return what is called with every message of a lane; this process begins after them."""
    return begin_after_lanes(monkeypatch)


@pytest.fixture
def counted_processes(accounts, tmp_path, monkeypatch):
    """Let a credential process give each end's keys; returns the files with a line a call."""
    ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    profiles, calls = "", {}
    for account, name in zip(accounts, ("here", "there"), strict=True):
        access_key, secret_key = KEYS[account.region]
        keys = {"AccessKeyId": access_key, "SecretAccessKey": secret_key, "Expiration": ends}
        script, calls[name] = tmp_path / f"{name}.sh", tmp_path / f"{name}.calls"
        script.write_text(
            f"#!/bin/sh\necho called >> {calls[name]}\necho '{json.dumps(keys | {'Version': 1})}'\n"
        )
        script.chmod(0o755)
        profiles += f"[profile {name}]\ncredential_process = {script}\n"
    config = tmp_path / "aws-config"
    config.write_text(profiles)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    return calls


async def test_each_end_is_asked_for_its_keys_once_for_all_processes_and_again_if_refused(
    accounts, options, blocks, together, counted_processes
):
    here, there = accounts
    content = blocks(*range(40), 900, 2047)
    snapshot_id = here.make(content)
    here.served.fail("GetSnapshotBlock", FaultKind.EXPIRED_TOKEN, nth=20)
    there.served.fail("PutSnapshotBlock", FaultKind.EXPIRED_TOKEN, nth=20)
    shown = []

    def look_at(lane, message):
        if isinstance(message, PortionSettled):
            place = Path("/proc") / lane.name
            shown.append((place / "cmdline").read_bytes() + (place / "environ").read_bytes())

    together.append(look_at)
    outcome = await copy(options(snapshot_id, tuning=TuningSettings(processes=2), verify="full"))
    assert (outcome.status, outcome.verified) == ("completed", "full")
    assert outcome.blocks["put"] == len(content)
    assert there.read(outcome.snapshot_id) == content
    assert [each.read_text().split() for each in counted_processes.values()] == [["called"] * 2] * 2
    secrets = [secret.encode() for _, secret in KEYS.values()]
    assert shown
    assert not any(secret in each for secret in secrets for each in shown)
    assert lanes_of(os.getpid()) == []


async def test_an_increment_is_the_same_although_a_lane_is_killed(
    accounts, options, blocks, together
):
    here, there = accounts
    first = blocks(*range(60))
    elder = here.make(first)
    changes = blocks(*range(4, 40), 70, seed=1)
    younger = here.make(changes, ParentSnapshotId=elder)
    parent = await copy(options(elder, tuning=TuningSettings(processes=1)))
    killed = []

    def kill(lane, message):
        if isinstance(message, PortionSettled) and not killed:
            killed.append(lane.name)
            os.kill(int(lane.name), signal.SIGKILL)

    together.append(kill)
    child = await copy(options(younger, tuning=TuningSettings(processes=2)))
    assert killed
    assert child.parent_snapshot_id == parent.snapshot_id
    assert child.blocks["unchanged"] == 24
    assert child.blocks["put"] + child.blocks["resumed"] == len(changes)
    assert any(f"process {killed[0]}" in note for note in child.notes)
    assert there.read(child.snapshot_id) == first | changes
    layer = there.store.get(child.snapshot_id).layers[0]
    assert {index for index in range(2048) if layer.has(index)} == set(changes)
    assert lanes_of(os.getpid()) == []
