"""How many volumes at once, in how many processes, with how much memory: by arithmetic alone."""

import os
from dataclasses import replace

import pytest

from bulkput.config.settings import JobSettings
from bulkput.jobs.session.context import JobContext
from bulkput.jobs.session.rate_limits import GetRateLimits, RateLimits
from bulkput.jobs.workers.pool import (
    PROCESS_PUTS_PER_S,
    divided_settings,
    open_uploads,
    process_count,
)
from bulkput.model.block import BLOCK_SIZE_BYTES

MIB = 1 << 20
MANY = 1e5


def settings(volumes, parallel, **tuning):
    return JobSettings.model_validate(
        {
            "version": 1,
            "parallel": parallel,
            "tuning": tuning,
            "volumes": [{"name": f"v{n}", "source": "/dev/null"} for n in range(volumes)],
        }
    )


def context(volumes, parallel, rate_limits=(1000.0, 1000.0), **tuning):
    others = dict.fromkeys(JobContext.__dataclass_fields__)
    given = {
        "settings": settings(volumes, parallel, **tuning),
        "rate_limits": RateLimits(*rate_limits),
    }
    return JobContext(**(others | given))


@pytest.mark.parametrize(
    ("rate_limits", "places", "cpus", "count"),
    [
        ((1000, 1000), 8, 8, 1),
        ((1000, PROCESS_PUTS_PER_S), 8, 8, 1),
        ((1000, PROCESS_PUTS_PER_S + 1), 8, 8, 2),
        ((1000, 5000), 8, 8, 4),
        ((1000, 5000), 2, 8, 2),
        ((1000, 5000), 8, 2, 2),
        ((1000, 5000), 1, 8, 1),
        ((1000, 5000), 8, 1, 1),
        ((300, MANY), 4, 8, 1),
        ((MANY, MANY), 16, 8, 8),
    ],
)
def test_processes_are_as_many_as_puts_volumes_and_cpus_ask_for(rate_limits, places, cpus, count):
    assert process_count(RateLimits(*rate_limits), places=places, cpus=cpus) == count


async def test_at_the_default_ceilings_all_is_done_in_this_process(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    uploaded = []

    async def upload(shared, volume):
        uploaded.append((shared, volume.label, os.getpid()))

    monkeypatch.setattr("bulkput.jobs.workers.pool.upload_volume", upload)
    shared = context(8, 8)
    async with open_uploads(shared) as upload_one:
        await upload_one(3)
    assert uploaded == [(shared, "v3", os.getpid())]


@pytest.mark.parametrize(("volumes", "parallel", "share"), [(1, 4, 128), (2, 4, 64), (9, 4, 32)])
def test_the_memory_budget_is_divided_among_the_volumes_at_work(volumes, parallel, share):
    shared = context(volumes, parallel, memory_budget="128MiB")
    assert shared.memory_budget_bytes == share * MIB


@pytest.mark.parametrize("parallel", [1, 2, 7, 20, 64, 100])
@pytest.mark.parametrize("budget", ["32MiB", "128MiB"])
def test_however_many_volumes_the_budget_holds_and_windows_fit(parallel, budget):
    shared = context(100, parallel, memory_budget=budget)
    tuning = shared.settings.tuning
    assert shared.places * shared.memory_budget_bytes <= tuning.memory_budget_bytes
    assert 1 <= shared.window_blocks <= tuning.window_bytes // BLOCK_SIZE_BYTES
    assert 4 * shared.window_blocks * BLOCK_SIZE_BYTES <= shared.memory_budget_bytes


def test_a_worker_has_its_part_of_the_threads_and_every_volume_the_same_budget_anywhere():
    whole = settings(4, 4, hash_workers=12)
    assert divided_settings(whole, 3, GetRateLimits()).tuning.hash_workers == 4
    assert divided_settings(whole, 12, GetRateLimits()).tuning.hash_workers == 2
    assert (
        divided_settings(settings(4, 4, hash_workers=1), 4, GetRateLimits()).tuning.hash_workers
        == 1
    )
    here = context(4, 4, memory_budget="128MiB")
    there = replace(here, settings=divided_settings(here.settings, 3, GetRateLimits()))
    assert there.memory_budget_bytes == here.memory_budget_bytes == 32 * MIB
