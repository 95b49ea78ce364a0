"""Gets from peers that misbehave: no block that is not what its checksum says, no endless wait."""

import asyncio

import pytest

from bulkput.model.errors import ServiceError
from bulkput.model.failure import FailureClass


async def test_a_get_returns_the_block_and_signs_its_token(lab, block, digest):
    from base64 import b64encode  # noqa: PLC0415 - of this test alone

    seen = []

    async def gives(peer):
        seen.append(await peer.request())
        await peer.answer(200, {"x-amz-Checksum": b64encode(digest).decode()}, block)

    async with lab.serving(gives) as server, lab.data_plane(server.url) as plane:
        assert await plane.get_block(lab.SNAPSHOT, 9, "a+/=b c") == (block, digest)
    expected = f"GET /snapshots/{lab.SNAPSHOT}/blocks/9?blockToken=a%2B%2F%3Db%20c HTTP/1.1"
    assert seen[0].line == expected


@pytest.mark.parametrize(
    ("status", "change", "failure", "word"),
    [
        (200, lambda block: block[:-1], FailureClass.CHECKSUM_MISMATCH, "524287 bytes"),
        (200, lambda block: block + b"x" * 9, FailureClass.CHECKSUM_MISMATCH, "bytes instead of"),
        (200, lambda block: b"X" + block[1:], FailureClass.CHECKSUM_MISMATCH, "checksum"),
        (500, lambda _: b"", FailureClass.TRANSIENT, "500"),
    ],
)
async def test_a_block_that_is_not_what_it_says_is_never_returned(
    lab, block, digest, status, change, failure, word
):
    from base64 import b64encode  # noqa: PLC0415 - of this test alone

    async def gives(peer):
        await peer.request()
        headers = {"x-amz-Checksum": b64encode(digest).decode()}
        await peer.answer(status, headers, change(block))

    async with lab.serving(gives) as server, lab.data_plane(server.url) as plane:
        with pytest.raises(ServiceError, match=word) as caught:
            await plane.get_block(lab.SNAPSHOT, 0, "token")
    assert caught.value.failure is failure


async def test_a_get_that_stalls_in_mid_block_is_left(lab, block):
    async def stalls(peer):
        await peer.request()
        peer.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 524288\r\n\r\n" + block[:1000])
        await peer.writer.drain()
        await asyncio.Event().wait()

    async with lab.serving(stalls) as server, lab.data_plane(server.url) as plane:
        with pytest.raises(ServiceError, match="no byte was sent or received"):
            await plane.get_block(lab.SNAPSHOT, 0, "token")
