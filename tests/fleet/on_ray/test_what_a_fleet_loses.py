"""A task, a process, the quota's actor, a host, the driver and the head are killed, for real.

Every volume is whole afterwards, no put goes to two snapshots of a volume, and what a table counted
as settled is not put again.
"""

import contextlib
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from faults.emulated import until
from fleet.on_ray.conftest import BLOCK

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(240)]

BLOCKS = 60
PUTS_PER_S = 30.0
"""All volumes of a job together: twelve seconds of putting."""


@pytest.fixture
def parts(serve, fleet, disks):
    """Return server, hosts, the job and its disks."""
    server = serve(puts_per_s_account=None)
    job, paths = disks([BLOCKS] * 6, of_job=[f"tuning: {{ puts_per_s_account: {PUTS_PER_S} }}"])
    return server, fleet(server, "a", "b"), job, paths


def titled(what):
    """Return the ids of processes that Ray or Python has given a title with ``what``."""
    found = []
    for path in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            command = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            if what in command and "Z" not in (path / "stat").read_text().split(") ")[1][:1]:
                found.append(int(path.name))
    return found


def kill_one(what):
    found = until(lambda: titled(what))
    os.kill(found[0], signal.SIGKILL)


def ended(process, check, server, paths, status=0):
    try:
        out, err = process.communicate(timeout=150)
    except subprocess.TimeoutExpired as error:
        raise AssertionError(error.stderr.decode()[-8000:]) from None
    assert process.returncode == status, err
    assert "Traceback" not in err
    if status:
        return err
    result = json.loads(out)
    by_volume = {each["volume"]: each["snapshot_id"] for each in result["volumes"]}
    for path in paths:
        check(server, by_volume[path.name], path)
    assert len(set(by_volume.values())) == len(paths)
    return err


def at_work(server, stored=2 * BLOCKS):
    until(lambda: server.stored > stored, 90)


@pytest.mark.parametrize("what", ["bulkput.fleet.volume_process", "ray::", "ray::QuotaActor"])
def test_a_killed_process_is_one_volume_s_failure_and_is_repeated(parts, check, what):
    server, hosts, job, paths = parts
    driver = hosts.drive(job, "--output", "json")
    at_work(server)
    if what == "ray::":
        what = f"disk-{next(iter(volumes_at_work())):02}.img/1"
    kill_one(what)
    ended(driver, check, server, paths)
    assert server.stored <= len(paths) * BLOCKS + BLOCKS, "more than one volume was put anew"
    assert len(server.snapshots) == len(paths)


def volumes_at_work():
    return until(lambda: [n for n in range(6) if titled(f"disk-{n:02}.img/1")])


def test_what_a_lost_host_had_is_gone_on_with_by_another(parts, check):
    server, hosts, job, paths = parts
    driver = hosts.drive(job, "--output", "json")
    at_work(server)
    hosts.kill_host("b")
    hosts.s3.ahead_s += 3600  # its leases of uploads in the store run out
    err = ended(driver, check, server, paths)
    assert "on b failed and is repeated" in err
    assert len(server.snapshots) == len(paths), "a snapshot was started twice"


def begun_on(hosts, name):
    """Return whether all volumes of a host have put something."""
    shown = hosts.call("fleet", "status", "--address", hosts.address, "--output", "json")
    runs = json.loads(shown.stdout)["runs"]
    here = [each for run in runs for each in run.get("running", ()) if each["host"] == name]
    return bool(here) and all(each["fraction"] > 0 for each in here)


def test_a_host_that_is_stopped_ends_its_volumes_in_order(parts, check):
    server, hosts, job, paths = parts
    listed = ["fleet", "status", "--address", hosts.address, "--output", "json"]
    until(lambda: '"b"' in hosts.call(*listed).stdout, 60)
    driver = hosts.drive(job, "--output", "json")
    until(lambda: begun_on(hosts, "b"), 60)
    host = hosts.hosts.pop("b")
    host.terminate()
    assert host.wait(60) == 128 + signal.SIGTERM
    assert not hosts.processes("b", "bulkput")
    err = ended(driver, check, server, paths)
    assert "its process was asked to end" in err, err
    assert server.stored == len(paths) * BLOCKS, "some were put again"
    assert len(server.snapshots) == len(paths)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_driver_that_ends_leaves_nothing_at_work_and_the_same_command_goes_on(
    parts, check, number
):
    server, hosts, job, paths = parts
    driver = hosts.drive(job, "--output", "json")
    at_work(server)
    driver.send_signal(number)
    driver.communicate(timeout=60)
    assert driver.returncode == (143 if number == signal.SIGTERM else -9)
    until(lambda: not titled("bulkput.fleet.volume_process"), 30)
    stored = server.stored
    hosts.s3.ahead_s += 0 if number == signal.SIGTERM else 3600
    ended(hosts.drive(job, "--output", "json"), check, server, paths)
    assert len(server.snapshots) == len(paths)
    if number == signal.SIGTERM:
        assert server.stored == len(paths) * BLOCKS, f"of {stored} some were put again"


def test_a_run_is_shown_and_cancelled_from_elsewhere(parts, check):
    server, hosts, job, paths = parts
    driver = hosts.drive(job, "--output", "json")
    at_work(server)
    shown = hosts.call("fleet", "status", "--address", hosts.address, "--output", "json")
    state = json.loads(shown.stdout)
    assert [each["host"] for each in state["hosts"]] == ["a", "b"]
    running = state["runs"][0]["running"]
    assert {each["host"] for each in running} <= {"a", "b"}
    last = min(running, key=lambda each: each["fraction"])["volume"]
    assert hosts.call("fleet", "cancel", "moved", "--address", hosts.address).returncode == 0
    assert "cancelled by bulkput fleet cancel" in ended(driver, check, server, paths, status=5)
    assert "uploading" in hosts.call("fleet", "logs", last).stdout
    ended(hosts.drive(job, "--output", "json"), check, server, paths)
    assert server.stored == len(paths) * BLOCKS
    assert hosts.call("fleet", "logs", last).returncode == 2


def test_another_run_of_a_job_that_is_done_makes_other_snapshots(parts, check):
    server, hosts, job, paths = parts
    ended(hosts.drive(job, "--output", "json"), check, server, paths)
    paths[0].write_bytes(os.urandom(3 * BLOCK))
    ended(hosts.drive(job, "--output", "json"), check, server, paths)
    assert len(server.snapshots) == 2 * len(paths)


def test_a_lost_head_ends_the_run_and_another_cluster_goes_on(parts, check):
    server, hosts, job, paths = parts
    driver = hosts.drive(job, "--output", "json")
    at_work(server)
    hosts.kill_host("a")
    err = ended(driver, check, server, paths, status=5)
    assert "the same command" in err.lower()
    hosts.kill_host("b")
    hosts.s3.ahead_s += 3600
    hosts.start_host("a")
    hosts.start_host("b")
    ended(hosts.drive(job, "--output", "json"), check, server, paths)
    assert len(server.snapshots) == len(paths)
