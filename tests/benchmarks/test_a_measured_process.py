import os
import sys
from pathlib import Path

import pytest

from benchmarks.measure.process import Child, ChildFailedError
from benchmarks.measure.tree import Tree

ENVIRONMENT = {"PATH": os.environ["PATH"]}


def start(folder: Path, code: str) -> Child:
    return Child([sys.executable, "-c", code], environment=ENVIRONMENT, folder=folder, name="it")


def test_cpu_time_and_memory_of_a_process_and_its_children_are_seen(tmp_path: Path) -> None:
    burn = "import time\nx = bytearray(90 << 20)\nwhile time.process_time() < 0.3: pass"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])"
    with start(tmp_path, code) as child:
        usage = child.wait(60)
    assert usage.cpu_s >= 0.3
    assert usage.wall_s >= 0.3
    assert 90 << 20 <= usage.peak_rss_bytes < 200 << 20


def test_a_small_process_is_not_charged_with_the_memory_of_the_harness(tmp_path: Path) -> None:
    ballast = b"x" * (200 << 20)
    with start(tmp_path, "import time; time.sleep(0.2)") as child:
        usage = child.wait(60)
    assert len(ballast) > usage.peak_rss_bytes > 1 << 20


def test_a_program_that_fails_is_reported_with_its_last_words(tmp_path: Path) -> None:
    with (
        start(tmp_path, "raise SystemExit('no such snapshot')") as child,
        pytest.raises(ChildFailedError, match=r"it: exit 1: no such snapshot"),
    ):
        child.wait(60)


def test_a_program_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with (
        start(tmp_path, "import time; time.sleep(600)") as child,
        pytest.raises(ChildFailedError, match="not done after"),
    ):
        child.wait(0.1)
    assert not Path(f"/proc/{child.pid}").exists()


def test_no_program_outlives_its_block(tmp_path: Path) -> None:
    with start(tmp_path, "import time; time.sleep(600)") as child:
        assert Path(f"/proc/{child.pid}").exists()
    assert not Path(f"/proc/{child.pid}").exists()


def test_what_a_program_starts_is_sampled_by_its_kind(tmp_path: Path) -> None:
    argv = ["timeout", "60", "sh", "-c", "while :; do :; done"]
    with Child(argv, environment=ENVIRONMENT, folder=tmp_path, name="it") as child:
        tree = Tree(child.pid, lambda command: command.partition(" ")[0])
        while tree.cpu_s().get("sh", 0.0) < 0.05:
            assert not child.ended_within(0.01)
            tree.count()
        memory = tree.pss_bytes()
    assert memory.keys() == {"timeout", "sh"}
    assert all(0 < each < 10 << 20 for each in memory.values())
    assert tree.cpu_s()["timeout"] < 0.05
