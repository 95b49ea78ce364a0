"""Twenty increments, each cut short and gone on with, against a dict of blocks."""

import random

import pytest

ZERO = 0


class Disk:
    """A disk as a dict: index to seed, 0 is zeros that are written; the rest are holes."""

    def __init__(self, rng, *, may_outgrow):
        self.rng = rng
        self.may_outgrow = may_outgrow
        self.block_count = rng.randrange(8, 24)
        self.blocks = {}
        self.mutate()

    def mutate(self):
        rng = self.rng
        if rng.random() < 0.25:
            self.block_count += rng.randrange(1, 6)
        elif rng.random() < 0.15:
            self.block_count = max(1, self.block_count - rng.randrange(1, 6))
        if self.may_outgrow and rng.random() < 0.1:
            self.block_count += 2048  # a GiB, most of it one hole
            self.may_outgrow = False
        for _ in range(rng.randrange(0, 8)):
            index = rng.randrange(self.block_count)
            what = rng.random()
            if what < 0.55:
                self.blocks[index] = rng.randrange(1, 1000)
            elif what < 0.75:
                self.blocks[index] = ZERO
            else:
                self.blocks.pop(index, None)
        self.blocks = {i: seed for i, seed in self.blocks.items() if i < self.block_count}

    def digests(self, tools, stop):
        """Return the digest of every block up to ``stop``; behind the end are zeros."""
        return {index: tools.digest(self.blocks.get(index, ZERO)) for index in range(stop)}


def shown_to_a_reader(tools, found, stop):
    """Return the digest of every block up to ``stop``, absent ones being zeros."""
    assert max(found, default=0) < stop
    return {index: found.get(index, tools.digest(ZERO)) for index in range(stop)}


def puts_needed(tools, disk, parent, *, encrypted):
    """Return which blocks a child must be given: the model's own words for the rule."""
    needed = set()
    for index in range(max(disk.block_count, max(parent, default=-1) + 1)):
        now = tools.digest(disk.blocks.get(index, ZERO))
        if index in parent:
            changed = parent[index] != now
        else:
            changed = encrypted or now != tools.digest(ZERO)
        if changed:
            needed.add(index)
    return needed


@pytest.mark.parametrize(("generations", "encrypted"), [(20, False), (6, True)])
async def test_every_generation_is_what_the_disk_was(rig, tools, tmp_path, generations, encrypted):
    rng = random.Random(generations)
    # An encrypted snapshot gets every block, holes too: a GiB of them would take its time.
    disk, image = Disk(rng, may_outgrow=not encrypted), tmp_path / "disk.img"
    tools.write_image(image, disk.blocks, disk.block_count)
    outcome = await rig.done(image, encrypted=encrypted or None)
    for generation in range(generations):
        parent_id = outcome.snapshot_id
        parent = await rig.shown(parent_id)
        assert rig.kept(parent_id) == parent
        disk.mutate()
        tools.write_image(image, disk.blocks, disk.block_count)
        needed = puts_needed(tools, disk, parent, encrypted=encrypted)
        flags = {"parent": parent_id, "resume": rng.choice(["auto", "verify", "trust"])}
        begun, changed_meanwhile = None, False
        if needed and rng.random() < 0.8:
            begun = await rig.cut_short(image, rng.randrange(len(needed)), **flags)
            assert begun.exit_code == 4, begun.error
            rig.no_faults()
            if rng.random() < 0.4:
                changed_meanwhile = True
                disk.mutate()
                tools.write_image(image, disk.blocks, disk.block_count)
                needed = puts_needed(tools, disk, parent, encrypted=encrypted)
        outcome = await rig.done(image, **flags)
        blocks, stop = outcome.blocks, max(disk.block_count, max(parent, default=-1) + 1)
        assert outcome.parent_snapshot_id == parent_id
        assert rig.record(outcome.snapshot_id).parent_id == parent_id
        assert blocks["total"] == sum(blocks[key] for key in blocks if key != "total")
        if changed_meanwhile:
            assert blocks["put"] + blocks["resumed"] >= len(needed)
        else:
            assert blocks["put"] + blocks["resumed"] == len(needed), generation
            assert begun is None or begun.snapshot_id == outcome.snapshot_id
        shown = await rig.shown(outcome.snapshot_id)
        assert shown_to_a_reader(tools, shown, stop) == disk.digests(tools, stop)
        if encrypted:
            assert set(range(disk.block_count)) <= set(shown)
        assert rig.kept(outcome.snapshot_id) == shown
