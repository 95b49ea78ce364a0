"""Request bodies off the wire.

Owns how much of a body is kept and for how long it is waited for.
"""

import asyncio
import hashlib

from aiohttp import StreamReader, web

from bulkput.emulator.errors import serialization
from bulkput.emulator.geometry import BLOCK_SIZE_BYTES
from bulkput.emulator.put import BlockBody

_SMALL_BODY_MAX_BYTES = 1 << 20
"""No call but PutSnapshotBlock has more than some 20 KiB to say (50 tags, 255 of each)."""


async def read_block(content: StreamReader, timeout_s: float, *, hashing: bool) -> BlockBody:
    """Read a put's body to its end, hashing as it arrives.

    What comes beyond one block is counted and dropped. A body that ends early or takes longer
    than ``timeout_s`` is returned as far as it came.

    Args:
        content: the request's stream.
        timeout_s: limit for the whole body.
        hashing: False where the request is refused anyway and the body only has to be drained.
    """
    chunks: list[bytes] = []
    size_bytes = 0
    hasher = hashlib.sha256()
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                # readchunk, unlike read, hands the piece over as it was received: no joining.
                chunk, _ = await content.readchunk()
                if not chunk and content.at_eof():
                    break
                room = BLOCK_SIZE_BYTES - size_bytes
                size_bytes += len(chunk)
                if room <= 0 or not hashing:
                    continue
                kept = chunk if len(chunk) <= room else chunk[:room]
                chunks.append(kept)
                hasher.update(kept)
    except (TimeoutError, web.RequestPayloadError):
        size_bytes = min(size_bytes, BLOCK_SIZE_BYTES - 1)
    return BlockBody(chunks, size_bytes, hasher.digest())


async def read_small(content: StreamReader, timeout_s: float) -> bytes:
    """Read the body of a call that has a small one.

    Raises:
        ApiError: it is longer than any such body can be, or too slow.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            while not content.at_eof():
                body += await content.readany()
                if len(body) > _SMALL_BODY_MAX_BYTES:
                    raise serialization("The request body is too long")
    except TimeoutError:
        raise serialization("The request body did not arrive in time") from None
    return bytes(body)
