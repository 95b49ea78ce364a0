"""``bench``: a host measured end to end in miniature, and the service by a snapshot that goes."""

import asyncio
import os

import pytest
from support.served import BLOCK

from bulkput.cli import bench as verb
from bulkput.emulator.faults import FaultKind
from bulkput.jobs.bench import measure_host as whole
from bulkput.jobs.bench import measure_service as real


@pytest.fixture
def tiny(monkeypatch):
    """Measure for a moment, with one process."""
    budgets = whole.Budgets(processor_s=0.0, reading_s=0.0, upload_s=20.0, first_bytes=8 * BLOCK)
    monkeypatch.setattr(whole, "Budgets", lambda: budgets)
    monkeypatch.setattr(whole, "usable_processors", lambda: 1)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(verb, "_SNAPSHOT_BYTES", 4 * BLOCK)


def test_a_host_is_measured_and_the_plan_goes_by_it(bulkput, tiny, tmp_path):
    disk = tmp_path / "disk.img"
    disk.write_bytes(os.urandom(32 * BLOCK))
    state = ("--state-dir", tmp_path / "state")
    ended = bulkput("bench", "--source", disk, *state, "--output", "json")
    assert ended.status == 0, ended.err
    found = ended.object
    assert found["measured"]["puts"][0]["puts_per_s"] > 0
    assert found["measured"]["source"]["direct_bytes_per_s"] > 0
    assert found["bottleneck"] in {"source", "processor", "quota"}
    planned = bulkput("plan", disk, *state)
    assert "as bulkput bench measured on" in planned.out


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        (["--source", "missing.img"], 6, "missing.img"),
        (["--region", "Frankfurt"], 3, "a Region such as eu-central-1"),
        (["--endpoint-url", "http://127.0.0.1:9"], 5, "does not answer"),
        (["--profile", "nobodys", "--region", "eu-west-1"], 3, "nobodys"),
        (["--snapshot"], 2, "confirm it by --yes"),
        (["--snapshot", "--source", "x", "--yes"], 2, "leave --source out"),
        (["--yes"], 2, "--yes goes with --snapshot"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(bulkput, tiny, args, status, words):
    ended = bulkput("bench", *args)
    assert ended.status == status
    (line,) = [line for line in ended.err.splitlines() if "error:" in line]
    assert words in line


def test_an_endpoint_of_the_environment_counts(bulkput, tiny, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert "127.0.0.1:9 does not answer" in bulkput("bench").err


def test_without_a_loopback_it_says_so(bulkput, tiny, monkeypatch):
    async def no_process(*_, **__):
        raise OSError("no more processes")

    monkeypatch.setattr("bulkput.jobs.bench.sink_process.start_child", no_process)
    ended = bulkput("bench")
    assert ended.status == 10
    assert "no process can be started" in ended.err


def test_the_service_is_measured_by_a_snapshot_that_goes(bulkput, service, small):
    ended = bulkput("bench", "--snapshot", "--yes", "--output", "json")
    assert ended.status == 0, ended.err
    assert ended.object["puts"] == 4
    assert ended.object["deleted"] is True
    assert set(service.states().values()) == {"gone"}


def test_a_failed_measurement_leaves_no_snapshot(bulkput, service, small):
    service.fail("PutSnapshotBlock", FaultKind.ACCESS_DENIED)
    ended = bulkput("bench", "--snapshot", "--yes")
    assert ended.status == 4, ended.err
    assert set(service.states().values()) == {"gone"}


def test_nor_does_one_that_was_broken_off_after_its_end(bulkput, service, small, monkeypatch):
    upload = real.run_job

    async def broken_off(*args, **named):
        await upload(*args, **named)
        raise asyncio.CancelledError

    monkeypatch.setattr(real, "run_job", broken_off)
    assert bulkput("bench", "--snapshot", "--yes").status != 0
    assert set(service.states().values()) == {"gone"}
