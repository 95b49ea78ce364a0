"""A plan of an increment counts what the run then puts, and asks nobody."""

import gzip
from pathlib import Path

import pytest

from bulkput.config.flags import settings_from_flags
from bulkput.jobs.plan.plan_job import plan_job
from bulkput.ledger.manifest import manifest_path


def pack(image):
    packed = Path(f"{image}.gz")
    packed.write_bytes(gzip.compress(image.read_bytes(), 1))
    return packed


@pytest.fixture
def plan(rig):
    async def planned(source, *, fast=False, **flags):
        place = {
            "region": "us-east-1",
            "endpoint_url": rig.emulator.url,
            "state_dir": rig.state_dir,
        }
        settings = settings_from_flags(source, flags=flags | place, environ={}).settings
        forecast = await plan_job(settings, by_extents=fast, on_progress=lambda *_: None)
        return forecast.volumes[0].as_dict()

    return planned


@pytest.mark.parametrize("flag", ["parent", "series"])
@pytest.mark.parametrize("encrypted", [None, True])
async def test_a_plan_counts_the_puts_of_the_run(rig, tools, image, plan, flag, encrypted):
    first = {"series": "disk"} if flag == "series" else {}
    full = await rig.done(image, encrypted=encrypted, **first)
    flags = first or {"parent": full.snapshot_id}
    tools.write_image(image, {1: 9, 2: 2, 3: 0, 5: 4}, 9)
    planned = await plan(image, **flags)
    child = await rig.done(image, **flags)
    assert planned["error"] is None
    assert planned["parent_snapshot_id"] == full.snapshot_id
    assert planned["encryption_known_from"] == "parent"
    assert planned["encrypted"] == bool(encrypted)
    assert planned["puts"] == child.blocks["put"] == (4 if encrypted else 3)
    assert planned["blocks"]["unchanged"] == child.blocks["unchanged"]
    assert planned["blocks"]["total"] == 9
    assert not planned["is_upper_bound"]


async def test_a_plan_knows_an_increment_that_was_cut_short(rig, tools, image, plan):
    full = await rig.done(image)
    tools.write_image(image, {0: 11, 1: 12, 2: 2, 3: 0, 4: 13, 5: 3}, 8)
    flags = {"parent": full.snapshot_id}
    begun = await rig.cut_short(image, 1, **flags)
    rig.no_faults()
    planned = await plan(image, **flags)
    child = await rig.done(image, **flags)
    assert planned["resumes"]["snapshot_id"] == begun.snapshot_id == child.snapshot_id
    assert planned["puts"] == child.blocks["put"]
    assert planned["blocks"]["resumed"] == child.blocks["resumed"]


async def test_a_plan_compares_a_compressed_disk_with_an_earlier_runs_snapshot(
    rig, tools, image, plan
):
    packed = pack(image)
    flags = {"volume_size_gib": 1, "resume": "verify"}
    before = await rig.done(packed, delivers=False, **flags)
    planned = await plan(packed, **flags)
    assert (planned["puts"], planned["error"]) == (0, None)
    assert planned["resumes"]["snapshot_id"] == before.snapshot_id
    tools.write_image(image, {0: 1, 2: 2, 3: 0, 5: 4}, 8)
    pack(image)
    planned = await plan(packed, **flags)
    assert planned["resumes"] is None
    assert any("holds something else now" in note for note in planned["notes"])
    again = await rig.done(packed, **flags)
    assert again.snapshot_id != before.snapshot_id
    assert planned["puts"] == again.blocks["put"] == 3


async def test_a_plan_of_a_source_that_shrank_counts_the_zeros_behind_its_end(
    rig, tools, image, plan
):
    full = await rig.done(image)
    tools.write_image(image, {0: 1}, 1)
    planned = await plan(image, parent=full.snapshot_id)
    child = await rig.done(image, parent=full.snapshot_id)
    assert planned["puts"] == child.blocks["put"] == 2


async def test_without_a_manifest_a_plan_is_an_upper_bound_and_says_so(rig, image, plan):
    full = await rig.done(image)
    manifest_path(rig.state_dir, full.snapshot_id).unlink()
    planned = await plan(image, parent=full.snapshot_id)
    assert planned["is_upper_bound"]
    assert planned["puts"] == 3
    assert "there is no manifest here. So every block counts as put" in planned["notes"][0]


async def test_by_extents_alone_data_counts_as_put_and_holes_by_the_parent(rig, tools, image, plan):
    full = await rig.done(image)
    tools.write_image(image, {2: 2}, 8)
    planned = await plan(image, fast=True, parent=full.snapshot_id)
    assert (planned["puts"], planned["is_upper_bound"]) == (3, True)


async def test_a_volume_smaller_than_its_parents_is_reported_by_the_plan_too(rig, image, plan):
    full = await rig.done(image, volume_size_gib=2)
    planned = await plan(image, parent=full.snapshot_id, volume_size_gib=1)
    assert planned["exit_code"] == 3
    assert "cannot be smaller than its parent's" in planned["error"]
