"""Parents: which are refused and by which rule, and where their manifests come from."""

import asyncio
import os

import pytest

from bulkput.config.flags import settings_from_flags
from bulkput.emulator.faults import Fault, FaultKind
from bulkput.ledger.manifest import Manifest, manifest_path
from bulkput.model.errors import ConfigError

BLOCK = 524_288
ARN = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.fixture
def image(tools, tmp_path):
    return tools.write_image(tmp_path / "disk.img", {0: 1, 2: 2, 3: 0, 5: 3}, 8)


def change(tools, image):
    """Block 0 becomes a hole, 1 gets data, 2 stays, 3 stays zeros, 5 changes."""
    return tools.write_image(image, {1: 9, 2: 2, 3: 0, 5: 4}, 8)


async def test_only_what_changed_is_put_and_holes_become_zeros(rig, tools, image):
    full = await rig.done(image)
    child = await rig.done(change(tools, image), parent=full.snapshot_id)
    assert child.blocks == {
        "total": 8,
        "put": 3,
        "resumed": 0,
        "skipped_zero": 1,
        "skipped_hole": 3,
        "unchanged": 1,
    }
    shown = await rig.shown(child.snapshot_id)
    assert shown == {
        0: tools.digest(0),
        1: tools.digest(9),
        2: tools.digest(2),
        5: tools.digest(4),
    }
    assert rig.kept(child.snapshot_id) == shown


async def test_nothing_changed_is_no_put_and_a_completed_snapshot(rig, image):
    full = await rig.done(image)
    child = await rig.done(image, parent=full.snapshot_id)
    assert child.blocks["put"] == 0
    assert child.checksum == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    assert await rig.shown(child.snapshot_id) == await rig.shown(full.snapshot_id)


async def test_a_source_that_shrank_shows_no_stale_block(rig, tools, image):
    full = await rig.done(image)
    child = await rig.done(tools.write_image(image, {0: 1}, 1), parent=full.snapshot_id)
    assert "ends before" in rig.notes
    shown = await rig.shown(child.snapshot_id)
    assert shown == {0: tools.digest(1), 2: tools.digest(0), 5: tools.digest(0)}
    assert child.blocks["total"] == 6
    grandchild = await rig.done(
        tools.write_image(image, {7: 5}, 8), parent=child.snapshot_id, verify="full"
    )
    assert grandchild.verified == "full"


async def test_every_block_of_an_encrypted_lineage_is_there(rig, tools, image):
    full = await rig.done(tools.write_image(image, {0: 1}, 2), encrypted=True)
    child = await rig.done(tools.write_image(image, {0: 1, 5: 2}, 8), parent=full.snapshot_id)
    assert rig.record(child.snapshot_id).encrypted
    shown = await rig.shown(child.snapshot_id)
    assert sorted(shown) == list(range(8))
    assert (child.blocks["put"], child.blocks["unchanged"]) == (6, 2)
    known = rig.ids()
    refused = await rig.upload(image, parent=full.snapshot_id, zeros="skip")
    assert (refused.exit_code, refused.snapshot_id) == (3, None)
    assert "it is encrypted" in refused.error
    assert rig.ids() == known  # nothing was started only to be refused


@pytest.mark.parametrize("flag", [{"encrypted": True}, {"kms_key_arn": ARN}])
def test_a_parent_brings_its_encryption_along(flag, tmp_path):
    with pytest.raises(ConfigError, match="a snapshot with a parent is encrypted as that is"):
        settings_from_flags(tmp_path, flags={"parent": "snap-0a", **flag}, environ={})


def test_a_manifest_needs_its_parent(tmp_path):
    with pytest.raises(ConfigError, match="only with `parent`"):
        settings_from_flags(tmp_path, flags={"parent_manifest": tmp_path}, environ={})


async def test_what_cannot_be_a_parent_is_refused_before_anything_is_started(rig, tools, image):
    gone = await rig.upload(image, parent="snap-0123456789abcdef0")
    assert (gone.exit_code, rig.ids()) == (3, [])
    assert "snapshot.parent: snap-0123456789abcdef0 does not exist in us-east-1" in gone.error
    pending = await rig.cut_short(image, 1)
    rig.no_faults()
    known = rig.ids()
    refused = await rig.upload(image, parent=pending.snapshot_id)
    assert refused.exit_code == 3
    assert "is in state pending: a parent must be completed" in refused.error
    big = await rig.done(tools.write_image(image, {}, 1), volume_size_gib=2)
    refused = await rig.upload(image, parent=big.snapshot_id, volume_size_gib=1)
    assert refused.exit_code == 3
    assert "a child's volume cannot be smaller than its parent's" in refused.error
    assert set(rig.ids()) == {*known, big.snapshot_id}
    child = await rig.done(image, parent=big.snapshot_id)
    assert child.volume_size_gib == 2


async def test_ec2s_word_may_come_before_the_direct_sides(rig, image):
    full = await rig.done(image)
    rig.emulator.faults.add(
        Fault(
            kind=FaultKind.ERROR,
            operation="StartSnapshot",
            http_status=400,
            code="ValidationException",
            reason="INVALID_SNAPSHOT_ID",
            message=f"Source snapshot ({full.snapshot_id}) is not complete.",
            times=2,
        )
    )
    child = await rig.done(image, parent=full.snapshot_id)
    assert rig.emulator.faults.unreached() == []
    assert rig.record(child.snapshot_id).parent_id == full.snapshot_id


@pytest.mark.parametrize("harm", ["missing", "damaged", "another"])
async def test_a_manifest_that_cannot_be_used_is_made_anew_by_reading(rig, tools, image, harm):
    full = await rig.done(image)
    path = manifest_path(rig.state_dir, full.snapshot_id)
    before = rig.kept(full.snapshot_id)
    if harm == "missing":
        path.unlink()
    elif harm == "damaged":
        content = bytearray(path.read_bytes())
        content[-100] ^= 1
        path.write_bytes(content)
    else:
        other = await rig.done(tools.write_image(image.with_name("b"), {0: 8}, 1))
        path.write_bytes(manifest_path(rig.state_dir, other.snapshot_id).read_bytes())
    child = await rig.done(change(tools, image), parent=full.snapshot_id)
    assert f"{full.snapshot_id} is read instead" in rig.notes
    assert child.blocks["put"] == 3
    assert rig.kept(full.snapshot_id) == before
    with Manifest.open(path) as made:
        assert made.header.source_path is None


async def test_a_manifest_that_is_named_is_taken_or_refused(rig, tools, image, tmp_path):
    full = await rig.done(image)
    other = await rig.done(tools.write_image(tmp_path / "b.img", {0: 8}, 1))
    carried = tmp_path / "carried.manifest"
    manifest_path(rig.state_dir, full.snapshot_id).rename(carried)
    wrong = manifest_path(rig.state_dir, other.snapshot_id)
    refused = await rig.upload(image, parent=full.snapshot_id, parent_manifest=wrong)
    assert refused.exit_code == 3
    assert f"is the manifest of {other.snapshot_id}" in refused.error
    content = bytearray(carried.read_bytes())
    content[500] ^= 1
    (tmp_path / "damaged").write_bytes(content)
    refused = await rig.upload(image, parent=full.snapshot_id, parent_manifest=tmp_path / "damaged")
    assert refused.exit_code == 7
    assert "damaged: its SHA-256 does not match" in refused.error
    assert len(rig.ids()) == 2
    child = await rig.done(change(tools, image), parent=full.snapshot_id, parent_manifest=carried)
    assert child.blocks["put"] == 3
    assert "is read instead" not in rig.notes


async def test_a_parent_of_many_blocks_is_read_in_order(rig, tools, image, monkeypatch):
    monkeypatch.setattr("bulkput.pipeline.digesting._PART_BLOCKS", 4)
    full = await rig.done(tools.write_image(image, {i: i + 1 for i in range(0, 26, 2)}, 26))
    before = rig.kept(full.snapshot_id)
    manifest_path(rig.state_dir, full.snapshot_id).unlink()
    await rig.done(image, parent=full.snapshot_id)
    assert rig.kept(full.snapshot_id) == before


async def test_a_parent_whose_reading_was_cut_short_is_not_read_again(rig, tools, image):
    full = await rig.done(tools.write_image(image, {i: i + 1 for i in range(12)}, 12))
    before = rig.kept(full.snapshot_id)
    path = manifest_path(rig.state_dir, full.snapshot_id)
    path.unlink()
    denied = FaultKind.ACCESS_DENIED
    rig.emulator.faults.add(Fault(kind=denied, operation="GetSnapshotBlock", block_index=7))
    cut_short = await rig.upload(image, parent=full.snapshot_id)
    assert cut_short.exit_code == 4
    rig.no_faults()
    # What was got is not asked for again: each of these would end the upload.
    for index in range(7):
        fault = Fault(kind=denied, operation="GetSnapshotBlock", block_index=index)
        rig.emulator.faults.add(fault)
    await rig.done(image, parent=full.snapshot_id)
    assert len(rig.emulator.faults.unreached()) == 7
    assert rig.kept(full.snapshot_id) == before
    assert not list(path.parent.glob("*.part"))


async def test_what_an_earlier_reading_got_is_of_this_snapshot_only(rig, tools, image):
    full = await rig.done(tools.write_image(image, {i: i + 1 for i in range(4)}, 4))
    before = rig.kept(full.snapshot_id)
    path = manifest_path(rig.state_dir, full.snapshot_id)
    path.unlink()
    path.with_name(f"{path.name}.part").write_bytes(os.urandom(1000))
    await rig.done(image, parent=full.snapshot_id)
    assert rig.kept(full.snapshot_id) == before


# going on


@pytest.mark.parametrize("encrypted", [False, True])
async def test_a_source_that_shrank_is_proved_to_the_parents_end(rig, tools, image, encrypted):
    """The blocks beside each other are some of the source and some behind its end."""
    full = await rig.done(
        tools.write_image(image, dict.fromkeys(range(8), 5), 8), encrypted=encrypted
    )
    tools.write_image(image, {1: 9}, 3)
    child = await rig.done(image, parent=full.snapshot_id, verify="full")
    assert child.verified == "full"
    assert (child.blocks["put"], child.blocks["total"]) == (8, 8)


@pytest.mark.parametrize("resume", ["trust", "verify"])
async def test_an_increment_that_was_cut_short_keeps_its_parent(rig, tools, image, resume):
    full = await rig.done(image)
    blocks = {index: 100 + index for index in range(4)} | {5: 3}
    tools.write_image(image, blocks, 8)
    flags = {"parent": full.snapshot_id, "resume": resume}
    begun = await rig.cut_short(image, 2, **flags)
    rig.no_faults()
    child = await rig.done(image, **flags)
    assert child.snapshot_id == begun.snapshot_id
    assert child.blocks["put"] + child.blocks["resumed"] == 4
    assert child.blocks["resumed"] >= 1
    assert child.blocks["unchanged"] == 1
    assert await rig.shown(child.snapshot_id) == {i: tools.digest(s) for i, s in blocks.items()}


@pytest.mark.parametrize("has_parent", [False, True])
async def test_the_manifest_has_the_length_of_the_source_that_was_sealed(
    rig, tools, image, has_parent
):
    full = await rig.done(tools.write_image(image, {7: 1}, 8))
    flags = {"parent": full.snapshot_id} if has_parent else {"name": "again"}
    tools.write_image(image, {0: 5, 1: 6}, 2)
    os.truncate(image, BLOCK + 1000)
    begun = await rig.cut_short(image, 1, **flags)
    rig.no_faults()
    tools.write_image(image, {0: 5, 1: 6}, 2)
    done = await rig.done(image, **flags)
    assert done.snapshot_id == begun.snapshot_id
    with Manifest.open(manifest_path(rig.state_dir, done.snapshot_id)) as manifest:
        assert manifest.header.source_size_bytes == 2 * BLOCK


async def test_a_block_that_was_sent_is_never_taken_for_the_parents(rig, tools, image):
    full = await rig.done(image)
    tools.write_image(image, {0: 77, 2: 2, 3: 0, 5: 3}, 8)
    begun = await rig.cut_short(image, 1, parent=full.snapshot_id)
    assert begun.exit_code == 0  # block 0 alone differed: there was no second put
    rig.no_faults()
    tools.write_image(image, {0: 77, 1: 78, 2: 2, 3: 0, 5: 3}, 8)
    cut = await rig.cut_short(image, 1, parent=full.snapshot_id)
    rig.no_faults()
    tools.write_image(image, {0: 1, 2: 2, 3: 0, 5: 3}, 8)  # as the parent again
    child = await rig.done(image, parent=full.snapshot_id)
    assert child.snapshot_id == cut.snapshot_id
    assert child.blocks["put"] >= 1
    shown = await rig.shown(child.snapshot_id)
    assert shown[0] == tools.digest(1)
    assert shown.get(1, tools.digest(0)) == tools.digest(0)


async def test_after_a_crash_before_the_manifest_the_next_run_writes_it(
    rig, tools, image, monkeypatch
):
    full = await rig.done(image)

    async def crash(place):
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr("bulkput.jobs.upload.complete_snapshot.keep_manifest", crash)
        with pytest.raises(asyncio.CancelledError):
            await rig.upload(change(tools, image), parent=full.snapshot_id)
    child = await rig.done(image, parent=full.snapshot_id)
    assert child.blocks["put"] == 0
    assert "waiting for it" in rig.notes
    assert rig.kept(child.snapshot_id) == await rig.shown(child.snapshot_id)


async def test_without_waiting_there_is_no_manifest_until_a_run_waits(rig, tools, image):
    pending = await rig.upload(image, wait=False)
    assert (pending.status, pending.manifest) == ("pending", None)
    completed = await rig.done(image)
    assert completed.snapshot_id == pending.snapshot_id
    assert rig.kept(completed.snapshot_id) == await rig.shown(completed.snapshot_id)
