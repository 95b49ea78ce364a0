"""How many volumes at once, in how many processes, with how much memory: by arithmetic alone."""

from types import SimpleNamespace

import pytest

from bulkput.config.settings import JobSettings
from bulkput.jobs.lanes.pool import LanePool, open_lanes
from bulkput.jobs.lanes.pool_parts import parts_of_job, process_count
from bulkput.jobs.session.context import JobContext
from bulkput.jobs.session.rate_limits import GET_RATE_LIMITS_DEFAULT, RateLimits
from bulkput.model.block import BLOCK_SIZE_BYTES

MIB = 1 << 20


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
        "get_rate_limits": GET_RATE_LIMITS_DEFAULT,
        "service": SimpleNamespace(region="eu-west-1", credentials=None),
    }
    return JobContext(**(others | given))


@pytest.mark.parametrize(
    ("processes", "memory", "count"),
    [
        (1, 64, 1),
        (2, 64, 2),
        (8, 64, 8),
        (16, 64, 8),
        (64, 1024, 64),
        (4, 16, 2),
        (4, 8, 1),
        (4, 3, 1),
    ],
)
def test_a_volume_is_put_by_as_many_processes_as_its_memory_has_windows_for(
    processes, memory, count
):
    assert process_count(processes, memory * MIB) == count


@pytest.mark.parametrize("processes", [2, 3, 8, 64])
@pytest.mark.parametrize("budget", ["32MiB", "64MiB", "1GiB"])
def test_the_window_fits_everybodys_part_of_the_memory_four_times(processes, budget):
    shared = context(1, 1, memory_budget=budget, processes=processes)
    pool = LanePool(parts_of_job(shared))
    part = shared.memory_budget_bytes // process_count(processes, shared.memory_budget_bytes)
    assert 1 <= pool.window_blocks <= shared.window_blocks
    assert 4 * pool.window_blocks * BLOCK_SIZE_BYTES <= part


async def test_with_one_process_no_lane_is_ever_looked_for():
    async with open_lanes(parts_of_job(context(8, 8, processes=1))) as lanes:
        assert lanes is None


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
