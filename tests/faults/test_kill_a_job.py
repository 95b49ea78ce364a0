"""A job of several volumes is killed again and again: each source has one snapshot in the end."""

import os
import random
import subprocess
import sys
import time
from collections import Counter

import pytest
from support.served import BLOCK, Served

pytestmark = pytest.mark.long

NAMES = ("a.img", "b.img", "c.img", "d.img", "e.img")


@pytest.fixture
def served(tmp_path):
    running = Served(tmp_path / "emulator")
    yield running
    running.stop()


@pytest.mark.parametrize("seed", range(3))
def test_a_job_that_failed_and_is_killed_at_random_makes_nothing_twice(served, tmp_path, seed):
    chance = random.Random(seed)
    for name in NAMES:
        (tmp_path / name).write_bytes(chance.randbytes(6 * BLOCK))
    volumes = ", ".join(f"{{source: {name}}}" for name in NAMES)
    (tmp_path / "job.yaml").write_text(
        "version: 1\nparallel: 2\ntuning: {puts_per_s_account: 20, window: 512KiB}\n"
        f"defaults: {{snapshot: {{tags: {{Of: '${{source.name}}'}}}}}}\nvolumes: [{volumes}]\n"
    )
    environment = {**os.environ, **served.environment(tmp_path / "state")}
    command = [sys.executable, "-m", "bulkput", "run", "job.yaml", "--quiet"]

    def start():
        return subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
        )

    away = (tmp_path / "b.img").rename(tmp_path / "away")
    with start() as failing:
        assert failing.wait(60) == 8
    away.rename(tmp_path / "b.img")
    for _ in range(6):
        with start() as running:
            time.sleep(chance.uniform(0.8, 4))
            running.kill()
            if running.stdout.read():  # reported: the next run would begin anew
                break
    else:
        with start() as last:
            assert last.wait(60) == 0
    made = Counter(served.tags(each)["Of"] for each in served.states())
    assert made == dict.fromkeys(NAMES, 1)
