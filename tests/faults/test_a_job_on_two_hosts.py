"""A job's rest is done by another host; what the first one has completed is reported, not made."""

import json
import signal
from dataclasses import replace

import pytest
from faults.emulated import until
from support.s3_server import s3_server

BLOCKS = 12


@pytest.fixture
def s3():
    with s3_server() as server:
        yield server


@pytest.mark.long
def test_the_rest_of_a_job_is_done_elsewhere(live, bulkput, s3, image, tmp_path):
    server = live(latency_ms=5, completion_delay_s=0.05)
    for number in range(2):
        image(BLOCKS, name=f"{number}.img", seed=number)
    job = tmp_path / "job.yaml"
    job.write_text("version: 1\nvolumes: [{source: 0.img}, {source: 1.img}]\n")
    first = bulkput(server, s3.environment(), in_flight_max=2, puts_per_s_account=12)
    first = replace(first, state_dir=tmp_path / "one")
    with first.start("run", job) as running:
        until(lambda: server.stored > BLOCKS + 2)
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=30)
    completed = [each for each in server.snapshots if server.state(each)[0] == "completed"]
    second = replace(bulkput(server, s3.environment()), state_dir=tmp_path / "two")
    done = second.run("run", job)
    assert done.returncode == 0, done.stderr
    volumes = json.loads(done.stdout)["volumes"]
    assert volumes[0]["snapshot_id"] == completed[0]
    assert (len(server.snapshots), server.stored) == (2, 2 * BLOCKS)
    # All of it is done and reported: the first host begins anew.
    again = first.run("run", job)
    assert again.returncode == 0, again.stderr
    assert len(server.snapshots) == 4
