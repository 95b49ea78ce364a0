"""How many processors may be used, and how many are idle, as the kernel shows it."""

import math
import os

import pytest

from bulkput.machine.processors import IdleProcessors, quota_processors, usable_processors


@pytest.fixture
def eight(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))


def tree(tmp_path, files):
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "proc", tmp_path / "cgroup"


OWN = {"proc/self/cgroup": "0::/jobs.slice/one\n"}


@pytest.mark.parametrize(
    ("files", "quota", "usable"),
    [
        ({}, math.inf, 8),
        (OWN, math.inf, 8),
        (OWN | {"cgroup/jobs.slice/one/cpu.max": "max 100000\n"}, math.inf, 8),
        (OWN | {"cgroup/jobs.slice/one/cpu.max": "150000 100000\n"}, 1.5, 2),
        (OWN | {"cgroup/jobs.slice/cpu.max": "300000 100000\n"}, 3.0, 3),
        (OWN | {"cgroup/cpu.max": "50000 100000\n"}, 0.5, 1),
        ({"cgroup/cpu/cpu.cfs_quota_us": "-1", "cgroup/cpu/cpu.cfs_period_us": "1"}, math.inf, 8),
        ({"cgroup/cpu/cpu.cfs_quota_us": "4", "cgroup/cpu/cpu.cfs_period_us": "2"}, 2.0, 2),
        ({"proc/self/cgroup": "0::/../x\n", "x/cpu.max": "1 2"}, math.inf, 8),
        (OWN | {"cgroup/jobs.slice/one/cpu.max": "often\n"}, math.inf, 8),
    ],
)
def test_quotas_of_all_groups_count(tmp_path, eight, files, quota, usable):
    places = tree(tmp_path, files)
    assert quota_processors(*places) == quota
    assert usable_processors(*places) == usable


def test_the_affinity_counts(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3})
    assert usable_processors(*tree(tmp_path, {})) == 1


def test_idle_is_what_the_usable_ones_did_not_do(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2})
    now = iter([10.0, 12.0, 13.0])
    monkeypatch.setattr("time.monotonic", lambda: next(now))
    ticks = os.sysconf("SC_CLK_TCK")
    line = "cpu{} 5 5 5 {} {} 0 0\n"

    def show(*idle_s):
        lines = [line.format(cpu, each * ticks, 0) for cpu, each in enumerate(idle_s)]
        tree(tmp_path, {"proc/stat": "cpu 1 2 3 4 5\n" + "".join(lines) + "intr 1 2\n"})

    show(100, 100, 100)
    idle = IdleProcessors(tmp_path / "proc")
    show(102, 100, 101)
    assert idle.count() == 1.5
    (tmp_path / "proc" / "stat").unlink()
    assert idle.count() == 0.0
