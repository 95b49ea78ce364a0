"""What a snapshot is compared with in a lane is what the job compares it with."""

import os
import pickle
from contextlib import ExitStack

import pytest
from support.snapshots import write_manifest

from bulkput.jobs.lanes.shared_references import open_references, share_references
from bulkput.ledger.manifest import Manifest
from bulkput.model.block import BLOCK_SIZE_BYTES, Extent
from bulkput.pipeline.reference import ManifestReference, SourceReference
from bulkput.source.open import open_source

CONTENTS = [bytes([each]) * BLOCK_SIZE_BYTES for each in range(3)]


@pytest.fixture
def references(tmp_path):
    """Give two sources and a manifest between them, no two of which agree in any block."""
    first, second = tmp_path / "first.img", tmp_path / "second.img"
    first.write_bytes(CONTENTS[1] * 2)
    second.write_bytes(CONTENTS[0] + CONTENTS[2] * 2)
    path = write_manifest(tmp_path / "manifest", "snap-0123456789abcdef0", {0: CONTENTS[2]})
    with ExitStack() as stack:
        one, other = (open_source(each, format="raw") for each in (first, second))
        stack.callback(one.close)
        stack.callback(other.close)
        manifest = ManifestReference(stack.enter_context(Manifest.open(path, is_named=True)))
        manifest.block_count = 3  # as of a source that is shorter than its volume
        yield (
            SourceReference(one, encrypted=False),
            manifest,
            SourceReference(other, encrypted=True),
        )


def seen(references):
    """Return what each of them finds in a snapshot without blocks, and of what size it is."""
    return [
        (
            each.block_count,
            list(each.extents()),
            list(each.differences(Extent(0, each.block_count), {})),
        )
        for each in references
    ]


def test_they_are_the_same_behind_copies_of_their_descriptors(references):
    shared, descriptors = pickle.loads(pickle.dumps(share_references(references)))
    copies = [os.dup(each) for each in descriptors]
    with ExitStack() as stack:
        opened = open_references(shared, copies, stack)
        assert seen(opened) == seen(references)
        assert [(count, len(found)) for count, _, found in seen(opened)] == [(2, 2), (3, 1), (3, 3)]
    for copy in copies:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(copy)
    assert seen(references)[0][0] == 2, "the job's own are open yet"


def test_a_reference_that_is_read_in_order_is_not_shared(references):
    references[0].is_sequential = True
    assert share_references(references) is None
