"""Series: every run makes the next increment by itself, whatever became of the run before."""

import asyncio

import pytest

from bulkput.config.flags import settings_from_flags
from bulkput.config.load import load_settings
from bulkput.jobs.upload.manifest import keep_manifest
from bulkput.ledger.manifest import manifest_path
from bulkput.ledger.series import Series, read_generation, series_folder
from bulkput.model.errors import ConfigError, TemporaryError


@pytest.fixture
def image(tools, tmp_path):
    return tools.write_image(tmp_path / "disk.img", {0: 1, 2: 2, 5: 3}, 8)


@pytest.fixture
def folder(rig):
    return series_folder(rig.state_dir, "disk", endpoint_url=rig.emulator.url, region="us-east-1")


async def test_every_run_makes_the_next_increment(rig, tools, image, folder):
    made = []
    for generation in range(4):
        blocks = {0: 1, 2: 2, 5: 3 + generation}
        outcome = await rig.done(tools.write_image(image, blocks, 8), series="disk")
        assert outcome.parent_snapshot_id == (made[-1] if made else None)
        assert outcome.blocks["put"] == (1 if made else 3)
        shown = await rig.shown(outcome.snapshot_id)
        assert shown == {index: tools.digest(seed) for index, seed in blocks.items()}
        made.append(outcome.snapshot_id)
    last = read_generation(folder)
    assert (last.snapshot_id, last.number, last.name) == (made[-1], 4, "disk")
    assert rig.ids() == made


async def test_a_run_that_was_cut_short_is_gone_on_with(rig, tools, image):
    full = await rig.done(image, series="disk")
    tools.write_image(image, {0: 7, 2: 8, 5: 9}, 8)
    begun = await rig.cut_short(image, 1, series="disk")
    rig.no_faults()
    child = await rig.done(image, series="disk")
    assert (child.snapshot_id, child.parent_snapshot_id) == (begun.snapshot_id, full.snapshot_id)
    following = await rig.done(image, series="disk")
    assert following.parent_snapshot_id == child.snapshot_id
    assert following.blocks["put"] == 0


async def test_what_was_begun_before_the_series_went_on_does_not_turn_it_back(
    rig, tools, image, tmp_path
):
    full = await rig.done(image, series="disk")
    tools.write_image(image, {0: 7, 2: 8, 5: 9}, 8)
    begun = await rig.cut_short(image, 1, series="disk")
    rig.no_faults()
    other = tools.write_image(tmp_path / "moved.img", {0: 4, 2: 5, 5: 6}, 8)
    newer = await rig.done(other, series="disk")
    assert newer.parent_snapshot_id == full.snapshot_id
    assert f"the series disk was of {image} before, and goes on with {other}" in rig.notes
    late = await rig.done(image, series="disk")
    assert (late.snapshot_id, late.parent_snapshot_id) == (begun.snapshot_id, full.snapshot_id)
    assert f"the series disk went on to {newer.snapshot_id} since {late.snapshot_id}" in rig.notes
    following = await rig.done(other, series="disk")
    assert (following.parent_snapshot_id, following.blocks["put"]) == (newer.snapshot_id, 0)


async def test_after_a_death_between_completion_and_the_series_the_next_run_reports_both(
    rig, image, folder, monkeypatch
):
    def die(self, *_, **__):
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(Series, "advance", die)
        with pytest.raises(asyncio.CancelledError):
            await rig.upload(image, series="disk")
    assert read_generation(folder) is None
    full = await rig.done(image, series="disk")
    assert rig.ids() == [full.snapshot_id]
    assert read_generation(folder).snapshot_id == full.snapshot_id


async def test_a_last_snapshot_that_is_gone_means_a_full_one_and_is_reported(rig, image):
    full = await rig.done(image, series="disk")
    await rig.context.service.control.delete_snapshot(full.snapshot_id)
    again = await rig.done(image, series="disk")
    assert again.parent_snapshot_id is None
    assert again.blocks["put"] == 3
    assert f"{full.snapshot_id}, the last of the series disk, does not exist any more" in rig.notes
    following = await rig.done(image, series="disk")
    assert following.parent_snapshot_id == again.snapshot_id


@pytest.mark.parametrize("harm", ["missing", "damaged"])
async def test_a_manifest_that_is_lost_is_made_anew_and_that_is_reported(rig, image, harm):
    full = await rig.done(image, series="disk")
    path = manifest_path(rig.state_dir, full.snapshot_id)
    if harm == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1])
    child = await rig.done(image, series="disk")
    assert f"{full.snapshot_id} is read instead" in rig.notes
    assert (child.parent_snapshot_id, child.blocks["put"]) == (full.snapshot_id, 0)


async def test_an_increment_whose_parent_and_manifest_are_both_gone_is_begun_anew(
    rig, tools, image
):
    full = await rig.done(image, series="disk")
    tools.write_image(image, {0: 7, 2: 8, 5: 9}, 8)
    begun = await rig.cut_short(image, 1, series="disk")
    rig.no_faults()
    manifest_path(rig.state_dir, full.snapshot_id).unlink()
    await rig.context.service.control.delete_snapshot(full.snapshot_id)
    again = await rig.done(image, series="disk")
    assert (again.parent_snapshot_id, again.blocks["put"]) == (None, 3)
    assert again.snapshot_id != begun.snapshot_id
    assert rig.state(begun.snapshot_id) == "gone"
    assert "cannot be determined" in rig.notes


async def test_the_same_loss_without_a_series_is_an_error_that_says_what_to_do(rig, tools, image):
    full = await rig.done(image)
    tools.write_image(image, {0: 7, 2: 8, 5: 9}, 8)
    await rig.cut_short(image, 1, parent=full.snapshot_id)
    rig.no_faults()
    manifest_path(rig.state_dir, full.snapshot_id).unlink()
    await rig.context.service.control.delete_snapshot(full.snapshot_id)
    lost = await rig.upload(image, parent=full.snapshot_id)
    assert lost.exit_code == 7
    assert "bulkput abort" in lost.error


async def test_encryption_that_is_asked_for_later_begins_with_a_full_snapshot(rig, image):
    await rig.done(image, series="disk")
    again = await rig.done(image, series="disk", encrypted=True)
    assert again.parent_snapshot_id is None
    assert "now encryption is requested" in rig.notes
    child = await rig.done(image, series="disk", encrypted=True)
    assert child.parent_snapshot_id == again.snapshot_id
    assert rig.record(child.snapshot_id).encrypted


async def test_a_damaged_state_is_named_and_a_second_process_kept_out(rig, image, folder):
    await rig.done(image, series="disk")
    state = folder / "series.json"
    state.write_bytes(state.read_bytes().replace(b'"number":1', b'"number":7'))
    damaged = await rig.upload(image, series="disk")
    assert damaged.exit_code == 3
    assert f"{state}: the checksum does not match" in damaged.error
    state.unlink()
    with Series(rig.state_dir, "disk", endpoint_url=rig.emulator.url, region="us-east-1"):
        held = await rig.upload(image, series="disk")
    assert held.exit_code == 3
    assert "is working on this" in held.error


async def test_a_snapshot_that_fails_its_proof_is_built_on_by_nobody(
    rig, tools, image, folder, monkeypatch
):
    full = await rig.done(image, series="disk")
    tools.write_image(image, {0: 7, 2: 2, 5: 3}, 8)

    async def spoil(place):
        rig.spoil(place.ledger.header.snapshot_id, 0, tools.content(8))
        return await keep_manifest(place)

    with monkeypatch.context() as patch:
        patch.setattr("bulkput.jobs.upload.complete_snapshot.keep_manifest", spoil)
        failed = await rig.upload(image, series="disk", verify="full")
    assert failed.exit_code == 7
    assert not manifest_path(rig.state_dir, failed.snapshot_id).exists()
    assert read_generation(folder).snapshot_id == full.snapshot_id
    following = await rig.done(image, series="disk")
    assert following.parent_snapshot_id == full.snapshot_id


async def test_a_sealed_snapshot_of_a_disk_that_changed_since_is_proved_and_built_on(
    rig, tools, image, folder, monkeypatch
):
    async def late(*_):
        raise TemporaryError("EC2 still says pending")

    with monkeypatch.context() as patch:
        patch.setattr("bulkput.jobs.upload.complete_snapshot.wait_until_completed", late)
        sealed = await rig.upload(image, series="disk", verify="full")
    assert sealed.exit_code == 5
    tools.write_image(image, {0: 7, 2: 2, 5: 3}, 8)
    waited = await rig.done(image, series="disk", verify="full")
    assert (waited.parent_snapshot_id, waited.blocks["put"]) == (sealed.snapshot_id, 1)
    assert (waited.earlier_snapshots, waited.verified) == ((sealed.snapshot_id,), "full")


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ({"parent": "snap-0a"}, "parent"),
        ({"client_token": "t"}, "client_token"),
        ({"wait": False}, "wait: false"),
    ],
)
def test_what_a_series_finds_by_itself_is_refused_beside_it(tmp_path, flag, words):
    with pytest.raises(ConfigError, match=f"cannot be given with `snapshot.{words}`"):
        settings_from_flags(tmp_path, flags={"series": "disk", **flag}, environ={})


def test_two_volumes_of_a_job_are_of_two_series(tmp_path):
    job = tmp_path / "job.yaml"
    volumes = "".join(f"  - {{source: {name}, series: disk}}\n" for name in "ab")
    job.write_text(f"version: 1\nvolumes:\n{volumes}")
    with pytest.raises(ConfigError, match=r"volumes\[1\].series: the same series as volumes\[0\]"):
        load_settings(job, environ={})
