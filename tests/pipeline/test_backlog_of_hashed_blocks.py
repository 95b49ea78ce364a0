"""Hashers rest while enough is hashed: the backlog is of blocks that wait for their first put."""

import asyncio
import os

from support.ledgers import SNAPSHOT_ID
from support.upload_parts import POLICY, upload_parts

from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.errors import ServiceError
from bulkput.model.failure import FailureClass
from bulkput.pipeline.backlog import Backlog
from bulkput.pipeline.upload import upload_blocks


def is_low(backlog):
    waiting = backlog.wait_until_low()
    try:
        waiting.send(None)
    except StopIteration:
        return True
    waiting.close()
    return False


async def test_it_is_low_below_its_number_of_blocks():
    backlog = Backlog(2)
    assert is_low(backlog)
    backlog.add(1)
    assert is_low(backlog)
    backlog.add(2)
    assert not is_low(backlog)
    backlog.add(-1)
    assert not is_low(backlog)
    backlog.add(-1)
    assert is_low(backlog)


async def test_whoever_waits_goes_on_when_it_becomes_low():
    backlog = Backlog(1)
    backlog.add(3)
    waiting = asyncio.create_task(backlog.wait_until_low())
    for _ in range(2):
        backlog.add(-1)
        await asyncio.sleep(0)
        assert not waiting.done()
    backlog.add(-1)
    await waiting


class Sink:
    """Refuses the first attempt of every block."""

    def __init__(self):
        self.refused, self.content = set(), {}

    async def put_block(self, snapshot_id, block_index, body, digest, on_sent):
        content = bytes(body)
        on_sent()
        await asyncio.sleep(0)
        if block_index not in self.refused:
            self.refused.add(block_index)
            raise ServiceError("PutSnapshotBlock", FailureClass.TRANSIENT, "refused")
        self.content[block_index] = content


async def test_a_block_leaves_the_backlog_once_however_often_it_is_put(tmp_path, monkeypatch):
    blocks = 24
    image = tmp_path / "disk.raw"
    image.write_bytes(os.urandom(blocks * BLOCK_SIZE_BYTES))
    counted, lows = [0], []
    add = Backlog.add

    def counting_add(self, count):
        counted[0] += count
        assert counted[0] >= 0
        lows.append(counted[0])
        add(self, count)

    monkeypatch.setattr(Backlog, "add", counting_add)
    sink = Sink()
    with upload_parts(image, tmp_path / "state" / "disk", sink) as parts:
        await upload_blocks(SNAPSHOT_ID, parts, POLICY)
        assert parts.ledger.counts().acknowledged == blocks
    assert b"".join(sink.content[index] for index in range(blocks)) == image.read_bytes()
    assert counted == [0]
    assert max(lows) > 0
    assert parts.progress.puts.as_dict()["retried"] == blocks
