"""A snapshot, its parent's copy and two services as dictionaries, and what goes wrong there."""

import asyncio
import hashlib
import random
from dataclasses import dataclass, field
from types import SimpleNamespace

from support.ledgers import SNAPSHOT_ID

from bulkput.ebs.snapshot import GotBlock
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.errors import ServiceError
from bulkput.model.failure import FailureClass
from bulkput.pipeline.listing import ListedBlock, Page

ZEROS = bytes(BLOCK_SIZE_BYTES)


def content(letter):
    """Return the block that a letter stands for; of zeros for the empty one."""
    return letter.encode() * 8 if letter else ZEROS


@dataclass
class World:
    """The snapshot that is copied, its parent's copy, and what goes wrong on the way."""

    blocks: dict[int, str]
    """By index, a letter; empty for zeros."""
    seed: int
    parent: dict[int, str] | None = None
    renewals: int = 0
    """How often all tokens so far stop to be good."""
    copied: dict[int, bytes] = field(default_factory=dict)
    generation: int = 0
    gets: int = 0
    puts: int = 0
    refused: int = 0
    under_way: int = 0
    """Gets."""
    hangs_from: int = 2048
    """The first of the blocks whose gets have no answer."""
    failure: Exception | None = None
    """What every get ends with from now on."""
    lost: int | None = None
    """A block that is in the list, and not there any more when its token is asked for."""

    def __post_init__(self):
        self.rng = random.Random(self.seed)
        self.got = set()
        # A token is good for one renewal more, so that none is refused right after it was given.
        self._renew_at = {15 * (number + 1) for number in range(2 * self.renewals)}

    def token(self, index):
        return f"{index}/{self.generation}"

    def is_good(self, index, token):
        of, _, generation = token.partition("/")
        return int(of) == index and int(generation) >= self.generation - 1

    async def get_block(self, _snapshot_id, index, token):
        self.under_way += 1
        try:
            return await self._get_block(index, token)
        finally:
            self.under_way -= 1

    async def _get_block(self, index, token):
        self.gets += 1
        if index >= self.hangs_from:
            await asyncio.Event().wait()
        self.got.add(index)
        if self.failure is not None:
            raise self.failure
        is_good = self.is_good(index, token)
        if self.gets in self._renew_at:
            self.generation += 1
        await asyncio.sleep(self.rng.random() / 500)
        self._fail("GetSnapshotBlock")
        if not is_good:
            self.refused += 1
            raise ServiceError("GetSnapshotBlock", FailureClass.INVALID, f"{token} is invalid")
        found = content(self.blocks[index])
        return GotBlock(found, hashlib.sha256(found).digest())

    async def put_block(self, snapshot_id, index, body, digest, on_sent):
        assert snapshot_id == SNAPSHOT_ID
        self.puts += 1
        await asyncio.sleep(self.rng.random() / 500)
        self._fail("PutSnapshotBlock")
        self.copied[index] = bytes(body)
        assert hashlib.sha256(body).digest() == digest
        on_sent()

    def _fail(self, operation):
        if not self.renewals and self.rng.random() < 0.03:
            raise ServiceError(operation, FailureClass.TRANSIENT, "it broke")

    # What ``SnapshotSource`` has of a ``SnapshotReader``.

    def listed(self, start, count):
        found = [index for index in sorted(self.blocks) if index >= start][:count]
        return tuple(ListedBlock(index, self.token(index)) for index in found)

    async def pages(self, *_):
        start = 0
        while page := self.listed(start, 17):
            yield Page(page, None, 1)
            start = page[-1].index + 1

    def on_call_retry(self, _):
        return None

    @property
    def service(self):
        async def list_blocks_page(_, *, starting_block_index, page_token=None, max_results):
            assert page_token is None
            await asyncio.sleep(0)
            found = self.listed(starting_block_index, max_results)
            return SimpleNamespace(
                blocks=tuple((each.index, each.token) for each in found if each.index != self.lost),
                next_token=None,
                volume_size_gib=1,
            )

        return SimpleNamespace(control=SimpleNamespace(list_blocks_page=list_blocks_page))


class FailingGets:
    """A world of which one process gets nothing."""

    def __init__(self, world, failure):
        self._failure = failure
        self.put_block = world.put_block

    async def get_block(self, *_):
        raise self._failure
