"""A host loses its cluster and not the service, and comes back: on a real cluster of three hosts.

The dangerous case: what it had is given to others while it goes on putting.
"""

import json
import sys
import time

import pytest
from faults.emulated import until
from support.put_log import PutLog

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(420)]

PUTS_PER_S = 20.0
BLOCKS = 400
LATE_S = 0.75
"""Puts that a busy machine takes late come together; a budget given twice shows in two seconds."""


class Run:
    """One job on the three hosts."""

    def __init__(self, network, monkeypatch, serve, fleet, disks, tmp_path):
        self.log, self.network = PutLog(monkeypatch), network
        self.server = serve(puts_per_s_account=None, host=network.services, verify_signatures=False)
        job, self.paths = disks(
            [BLOCKS] * 6,
            stride=8,
            of_volume=["    zeros: write"],
            of_job=[
                "allow_insecure_http: true",
                f"tuning: {{ puts_per_s_account: {PUTS_PER_S} }}",
            ],
        )
        self.hosts = fleet(self.server, network=network)
        self.events = tmp_path / "events.jsonl"
        for number, name in enumerate("abc", 1):  # two at once may be too much for a busy machine
            self.hosts.start_host(name)
            until(lambda number=number: len(self.hosts.listed()) == number, 60)
        self.driver = self.hosts.drive(job, "--output", "json", "--events", self.events)
        until(lambda: self.put_by("KEYC") > 30, 90)

    def put_by(self, who, since_s=0.0):
        return sum(put.who == who and put.at_s >= since_s for put in self.log.puts)

    def noted(self, text):
        return [line for line in self.events.read_text().splitlines() if text in line]

    def require_all_is_well(self, check, repeated):
        out, err = self.driver.communicate(timeout=300)
        assert self.driver.returncode == 0, err
        assert "Traceback" not in err
        by_volume = {each["volume"]: each["snapshot_id"] for each in json.loads(out)["volumes"]}
        for path in self.paths:
            check(self.server, by_volume[path.name], path)
        assert len(self.server.snapshots) == len(self.paths), "a snapshot was started twice"
        self.log.require_one_writer_at_a_time()
        assert self.log.excess(PUTS_PER_S) <= PUTS_PER_S * LATE_S, "more than the quota"
        put_twice = len(self.log.puts) - len(self.paths) * BLOCKS
        assert put_twice <= repeated
        return put_twice


@pytest.fixture
def run(network, monkeypatch, serve, fleet, disks, tmp_path):
    """Return a run whose host c has begun its volumes."""
    return Run(network, monkeypatch, serve, fleet, disks, tmp_path)


@pytest.mark.parametrize("cut_s", [50, 100])
def test_its_volumes_go_on_elsewhere_and_nothing_is_done_twice(run, check, cut_s):
    """Before Ray's own end of a host that has lost its head (60 s), and after it."""
    run.network.cut("c")
    cut_s += time.monotonic()
    began_s = time.monotonic()
    until(lambda: run.noted("on c failed and is repeated"), 180)
    noticed_s = time.monotonic() - began_s
    assert run.put_by("KEYC", began_s + 20) > 0, "it was to go on putting"
    until(lambda: time.monotonic() >= cut_s, 120)
    run.network.mend("c")
    until(lambda: run.hosts.hosts["c"].poll() is not None, 90)
    gone_s = time.monotonic() - began_s
    last_s = max(put.at_s for put in run.log.puts if put.who == "KEYC") - began_s
    until(lambda: not run.hosts.processes("c", "volume_process"), 30)
    status = run.hosts.hosts.pop("c").returncode
    run.hosts.start_host("c")
    twice = run.require_all_is_well(check, repeated=2 * PUTS_PER_S)
    sys.stdout.write(
        f"noticed after {noticed_s:.0f} s, last put of c {last_s:.0f} s, its host ended ({status}) "
        f"{gone_s:.0f} s after the cut; {twice} puts repeated; {run.log.turns()}\n"
    )


def test_a_short_cut_costs_nothing(run, check):
    run.network.cut("c")
    time.sleep(8)
    run.network.mend("c")
    twice = run.require_all_is_well(check, repeated=0)
    assert twice == 0
    assert not run.noted("is repeated")
