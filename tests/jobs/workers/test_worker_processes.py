"""Volumes in worker processes of their own, against a server that is a process too.

The machine is said to have eight CPUs, so that workers are started on the smallest one.
"""

import json
import os

from support.control import control
from support.whole import (
    ACCESS_KEY,
    BLOCK,
    SECRET_KEY,
    Server,
    read_with_boto3,
    same_content,
)
from support.worker_jobs import Heard, children_of, image, run, start, stats, until, workers_of

from bulkput.model.events import Noted, PhaseChanged, PutRetried, VolumeEnded, VolumeStarted
from bulkput.model.progress import Phase


async def test_each_volume_has_a_process_and_everything_it_reports_arrives(server, job, tmp_path):
    count = 3
    sources = [image(tmp_path / f"disk{n}.img", 20 + n, n) for n in range(count)]
    heard = Heard()
    outcomes = await run(job(server, *sources, verify="full"), heard)
    assert len(heard.workers) == count
    assert workers_of(os.getpid()) == []
    for number, (outcome, source) in enumerate(zip(outcomes, sources, strict=True)):
        assert (outcome.volume, outcome.status, outcome.exit_code) == (source.stem, "completed", 0)
        assert (outcome.source, outcome.verified) == (str(source), "full")
        assert outcome.blocks["put"] == outcome.blocks["total"] == 20 + number
        copy = tmp_path / "copy.img"
        read_with_boto3(server, outcome.snapshot_id, copy, source.stat().st_size)
        assert same_content(source, copy, source.stat().st_size)
        began, *between, ended = heard.of(source.stem)
        assert isinstance(began, VolumeStarted)
        assert began.source == str(source)
        assert [each.phase for each in between if isinstance(each, PhaseChanged)] == [
            Phase.STARTING,
            Phase.UPLOADING,
            Phase.SEALING,
            Phase.WAITING,
            Phase.VERIFYING,
        ]
        assert ended == VolumeEnded(outcome)
        progress = began.progress
        assert (progress.blocks_put, progress.blocks_verified) == (20 + number, 20 + number)
        assert (progress.phase, progress.snapshot_id) == (Phase.DONE, outcome.snapshot_id)


def fail_third_put(server):
    fault = {"kind": "internal-error", "operation": "PutSnapshotBlock", "nth": 3}
    control(server, "faults", fault, keys=(ACCESS_KEY, SECRET_KEY))


async def test_retries_and_notes_of_a_worker_are_reported(server, job, tmp_path):
    fail_third_put(server)
    sources = [image(tmp_path / f"disk{n}.img", 10, n) for n in range(2)]
    with sources[0].open("ab") as file:
        file.truncate(20 * BLOCK)  # holes, which are noted
    heard = Heard()
    outcomes = await run(job(server, *sources), heard)
    assert [outcome.exit_code for outcome in outcomes] == [0, 0]
    (retried,) = [each for each in heard.events if isinstance(each, PutRetried)]
    assert sum(outcome.puts["retried"] for outcome in outcomes) == 1
    assert retried.volume in ("disk0", "disk1")
    notes = [each.text for each in heard.of("disk0") if isinstance(each, Noted)]
    assert len(notes) == 2  # of the holes, and that random bytes do not look like a disk
    assert outcomes[0].notes == tuple(notes)


async def test_more_volumes_than_places_take_turns(server, job, tmp_path):
    sources = [image(tmp_path / f"disk{n}.img", 4, n) for n in range(3)]
    most = []
    heard = Heard(lambda _event: most.append(len(workers_of(os.getpid()))))
    outcomes = await run(job(server, *sources, parallel=2), heard)
    assert [outcome.status for outcome in outcomes] == ["completed"] * 3
    assert max(most) == 2
    assert len(heard.workers) == 3, "one volume, one process"


async def test_more_places_than_processes_share_processes(server, job, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    sources = [image(tmp_path / f"disk{n}.img", 20, n) for n in range(4)]
    heard = Heard()
    outcomes = await run(job(server, *sources), heard)
    assert [outcome.status for outcome in outcomes] == ["completed"] * 4
    assert len(heard.workers) == 2


async def test_processes_share_the_account_and_the_last_one_has_all_of_it(
    server, job, tmp_path, monkeypatch
):
    monkeypatch.setattr("bulkput.jobs.workers.pool.process_count", lambda *_, **__: 2)
    sources = [image(tmp_path / f"disk{n}.img", blocks, n) for n, blocks in enumerate((75, 190))]
    limited = job(server, *sources) | {"tuning": {"puts_per_s_account": 60}}
    peaks = []

    def note(event):
        if isinstance(event, VolumeEnded):
            peaks.append(stats(server)["put_peak_per_s"])
            stats(server, method="DELETE")

    outcomes = await run(limited, Heard(note))
    assert [outcome.status for outcome in outcomes] == ["completed"] * 2
    together, alone = peaks
    assert 40 < together < 70
    assert 45 < alone < 70, "half of the account's 60 were left unused"


def test_the_embedded_server_and_samples_are_made_once_for_all_workers(job, tmp_path):
    server = Server(tmp_path, url="embedded")
    wanted = job(server, tmp_path / "a.img", tmp_path / "b.img")
    for volume in wanted["volumes"]:
        volume["source"] = {"sample": "8MiB"}
    with start(tmp_path, wanted) as running:
        workers = until(lambda: len(found := workers_of(running.pid)) == 2 and found)
        servers = [pid for pid in children_of(running.pid) if pid not in workers]
        out, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    assert len(servers) == 1
    volumes = json.loads(out)["volumes"]
    assert [volume["status"] for volume in volumes] == ["completed"] * 2
    assert volumes[0]["checksum"] == volumes[1]["checksum"]
