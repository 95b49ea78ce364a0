"""What a manifest made from a ledger holds, against a dict of blocks."""

import random

import numpy as np
import pytest

from bulkput.ledger.manifest import Manifest
from bulkput.ledger.manifest_header import ManifestHeader
from bulkput.ledger.manifest_writer import ManifestWriter
from bulkput.ledger.overlay import write_overlay
from bulkput.ledger.record import never_sent

PARENT, CHILD = "snap-0000000000000000a", "snap-0000000000000000b"
VOLUME_GIB = 16
BLOCKS = VOLUME_GIB * 2048


def header_of(snapshot_id):
    return ManifestHeader(
        snapshot_id=snapshot_id,
        parent_snapshot_id=None,
        volume_size_gib=VOLUME_GIB,
        block_count=BLOCKS,
        source_path="/a",
        source_size_bytes=1,
        encrypted=False,
        region="eu-central-1",
        endpoint_url=None,
        created_unix_s=1.0,
        program_version="0.1.0",
    )


def blocks_of(manifest):
    present = np.flatnonzero(manifest.present(0, BLOCKS)).tolist()
    digests = manifest.digests(0, BLOCKS)
    return {index: digests[index].tobytes() for index in present}


def random_runs(rng):
    """Return indexes in a few runs, near the bounds of windows too."""
    found = set()
    for _ in range(rng.randrange(8)):
        start = rng.choice([rng.randrange(BLOCKS), 8192 * rng.randrange(4) - rng.randrange(3), 0])
        found.update(range(max(start, 0), min(max(start, 0) + rng.randrange(1, 20), BLOCKS)))
    return sorted(found)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("has_parent", [False, True])
def test_it_has_what_either_has_and_the_childs_digest_wins(tools, tmp_path, seed, has_parent):
    rng = random.Random(seed)
    expected = {}
    parent = None
    if has_parent:
        expected = {index: tools.digest_of(index) for index in random_runs(rng)}
        with ManifestWriter(tmp_path / "parent", header_of(PARENT)) as writer:
            rows = b"".join(expected.values())
            writer.add(
                np.array(list(expected), dtype=np.int64),
                np.frombuffer(rows, dtype=np.uint8).reshape(-1, 32),
            )
            writer.finish()
        parent = Manifest.open(tmp_path / "parent")
    with tools.start(tmp_path / "ledger", BLOCKS - 5, CHILD) as ledger:
        for index in random_runs(rng):
            if index < BLOCKS - 5:
                digest = tools.digest_of(f"child {index}")
                ledger.mark_sent(index, digest)
                ledger.mark_acknowledged(index, digest)
                expected[index] = digest
        for index in random_runs(rng):
            if index >= BLOCKS - 5 or index not in expected:
                continue
            if never_sent(ledger.states(index, index + 1)).all():
                ledger.mark_unchanged(index, index + 1)
        write_overlay(tmp_path / "child", header_of(CHILD), ledger, parent)
    with Manifest.open(tmp_path / "child") as child:
        assert child.header.snapshot_id == CHILD
        assert blocks_of(child) == expected
