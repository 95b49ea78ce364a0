"""What an increment puts, shows and keeps, also after it was cut short."""

import asyncio
import os

import pytest

from bulkput.ledger.manifest import Manifest, manifest_path

BLOCK = 524_288


async def test_only_what_changed_is_put_and_holes_become_zeros(rig, tools, image):
    full = await rig.done(image)
    child = await rig.done(tools.change(image), parent=full.snapshot_id)
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
            await rig.upload(tools.change(image), parent=full.snapshot_id)
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
