"""Lanes killed, told to end and stopped at random moments; whoever is left makes the snapshot."""

import asyncio
import os
import random
import signal

import pytest
from support.lane_jobs import Heard, image, lanes_of, require_same, run, served

from bulkput.jobs.lanes.protocol import LaneProgress


@pytest.mark.long
@pytest.mark.parametrize("seed", range(30))
async def test_whatever_dies_the_snapshot_is_the_source(job, together, tmp_path, seed):
    rng = random.Random(seed)
    with served(tmp_path) as server:
        holes = set(rng.sample(range(300), 60))
        source = image(tmp_path / "disk.img", 300, seed, holes=holes)
        wanted = job(server, source, processes=rng.choice((2, 3, 4)))
        messages, moments = 0, sorted(rng.sample(range(2, 40), 3))
        stops_job = rng.random() < 0.4

        def strike(lane, message):
            nonlocal messages
            if isinstance(message, LaneProgress):
                return
            messages += 1
            if messages in moments[:2]:
                os.kill(int(lane.name), rng.choice((signal.SIGKILL, signal.SIGTERM)))
            elif messages == moments[2] and stops_job:
                running.cancel()

        together.append(strike)
        running = asyncio.create_task(run(wanted, Heard()))
        await asyncio.wait({running})
        if running.cancelled():
            assert lanes_of(os.getpid()) == []
            running = asyncio.create_task(run(wanted, Heard()))
        (outcome,) = await running
        assert outcome.status == "completed", outcome.error
        assert sum(outcome.blocks.values()) - outcome.blocks["total"] == 301
        require_same(server, outcome.snapshot_id, source, tmp_path)
