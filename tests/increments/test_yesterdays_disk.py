"""Increments of a disk that changed after a run whose result nobody got."""

import os
import tempfile
from pathlib import Path

import pytest

from bulkput.ledger.manifest import manifest_path
from bulkput.ledger.series import read_generation, series_folder


@pytest.fixture
def image(tools):
    """A file that reports no changes."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield tools.write_image(Path(folder) / "disk.img", {0: 1, 2: 2, 5: 3}, 8)


def write(tools, image, index, seed):
    with image.open("r+b") as file:
        os.pwrite(file.fileno(), tools.content(seed), index * len(tools.content(seed)))


def newest(rig):
    url = rig.emulator.url
    folder = series_folder(rig.state_dir, "disk", endpoint_url=url, region="us-east-1")
    return read_generation(folder).snapshot_id


async def test_a_series_goes_on_from_the_snapshot_before(rig, tools, image):
    full = await rig.done(image, series="disk")
    write(tools, image, 2, 7)
    before = await rig.done(image, delivers=False, series="disk")
    write(tools, image, 5, 8)
    outcome = await rig.done(image, series="disk")
    assert before.parent_snapshot_id == full.snapshot_id
    assert outcome.parent_snapshot_id == before.snapshot_id
    assert outcome.earlier_snapshots == (before.snapshot_id,)
    assert (outcome.blocks["put"], outcome.blocks["unchanged"]) == (1, 2)
    shown = await rig.shown(outcome.snapshot_id)
    assert shown == {0: tools.digest(1), 2: tools.digest(7), 5: tools.digest(8)}
    assert newest(rig) == outcome.snapshot_id
    assert rig.ids() == [full.snapshot_id, before.snapshot_id, outcome.snapshot_id]


async def test_a_series_ends_with_the_snapshot_before_where_nothing_changed(rig, tools, image):
    await rig.done(image, series="disk")
    write(tools, image, 2, 7)
    before = await rig.done(image, delivers=False, series="disk")
    again = await rig.done(image, series="disk")
    assert again.snapshot_id == newest(rig) == before.snapshot_id
    assert again.earlier_run.source_compared == "content"
    assert again.blocks["put"] == 0
    assert len(rig.ids()) == 2
    following = await rig.done(image, series="disk")
    assert (following.parent_snapshot_id, following.earlier_run) == (before.snapshot_id, None)


async def test_a_child_of_a_parent_that_was_named_is_followed_by_another_of_it(rig, tools, image):
    full = await rig.done(image)
    write(tools, image, 2, 7)
    before = await rig.done(image, delivers=False, parent=full.snapshot_id)
    write(tools, image, 2, 2)  # as in the parent
    write(tools, image, 6, 9)
    outcome = await rig.done(image, parent=full.snapshot_id)
    assert outcome.parent_snapshot_id == full.snapshot_id
    assert outcome.earlier_snapshots == (before.snapshot_id,)
    shown = await rig.shown(outcome.snapshot_id)
    assert shown == {0: tools.digest(1), 2: tools.digest(2), 5: tools.digest(3), 6: tools.digest(9)}


async def test_an_increment_that_lost_its_parent_is_compared_all_the_same(rig, tools, image):
    full = await rig.done(image)
    before = await rig.done(image, delivers=False, parent=full.snapshot_id)
    await rig.context.service.control.delete_snapshot(full.snapshot_id)
    again = await rig.done(image, parent=full.snapshot_id)
    assert again.snapshot_id == before.snapshot_id


@pytest.mark.parametrize("series", [None, "disk"])
async def test_a_good_snapshot_is_not_condemned_for_a_source_that_changed(
    rig, tools, image, series
):
    before = await rig.done(image, delivers=False, series=series, verify="full")
    write(tools, image, 2, 7)
    outcome = await rig.done(image, series=series, verify="full")
    assert (outcome.verified, outcome.exit_code) == ("full", 0)
    assert rig.state(before.snapshot_id) == "completed"
    assert len(rig.kept(before.snapshot_id)) == 3, "its manifest is kept"


async def test_a_source_that_became_shorter_makes_a_new_snapshot(rig, tools, image):
    before = await rig.done(image, delivers=False, series="disk")
    os.truncate(image, 3 * len(tools.content(1)))
    outcome = await rig.done(image, series="disk")
    assert outcome.snapshot_id != before.snapshot_id
    shown = await rig.shown(outcome.snapshot_id)
    assert shown == {0: tools.digest(1), 2: tools.digest(2), 5: tools.digest(0)}


async def test_a_snapshot_before_is_proved_as_its_own_run_would_have(rig, tools, image):
    await rig.done(image, series="disk", verify="full")
    write(tools, image, 2, 7)
    before = await rig.upload(image, delivers=False, series="disk", verify="full")
    rig.spoil(before.snapshot_id, 2, tools.content(9))
    write(tools, image, 5, 8)
    failed = await rig.upload(image, series="disk", verify="full")
    assert failed.exit_code == 7
    assert "differs from its manifest in 1 blocks" in failed.error
    assert not manifest_path(rig.state_dir, before.snapshot_id).exists()
