"""Parents: which are refused and by which rule, and where their manifests come from."""

import os

import pytest

from bulkput.config.flags import settings_from_flags
from bulkput.emulator.faults import Fault, FaultKind
from bulkput.ledger.manifest import Manifest, manifest_path
from bulkput.model.errors import ConfigError

ARN = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


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
    child = await rig.done(tools.change(image), parent=full.snapshot_id)
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
    child = await rig.done(tools.change(image), parent=full.snapshot_id, parent_manifest=carried)
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
