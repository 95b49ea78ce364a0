"""The map of the disk has every block once, and once more if it was put more than once."""

import os

from support.upload_parts import POLICY, upload_parts

from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.errors import ServiceError
from bulkput.model.failure import FailureClass
from bulkput.pipeline.upload import upload_blocks


class FailsAtFirst:
    """A sink that refuses the first two attempts at some blocks."""

    def __init__(self, blocks):
        self._left = dict.fromkeys(blocks, 2)

    async def put_block(self, snapshot_id, block_index, body, digest, on_sent):
        if self._left.get(block_index):
            self._left[block_index] -= 1
            raise ServiceError("PutSnapshotBlock", FailureClass.TRANSIENT, "no")


async def test_a_block_that_may_be_in_the_snapshot_and_is_retried_too_is_repeated_once(tmp_path):
    image = tmp_path / "disk.img"
    image.write_bytes(os.urandom(6 * BLOCK_SIZE_BYTES))
    with upload_parts(image, tmp_path / "state", FailsAtFirst({0, 3})) as parts:
        parts.progress.begin_blocks(6)
        for index in (0, 1):  # of an earlier run that broke off
            parts.ledger.mark_sent(index, bytes(32))
        await upload_blocks("snap-0123456789abcdef0", parts, POLICY)
        cells = parts.progress.disk.as_dict()["cells"]
    assert cells == {"data": [1] * 6, "repeated": [1, 1, 0, 1, 0, 0]}
