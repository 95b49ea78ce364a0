"""Peers that misbehave in one way each, as scripts of a server; and one put to them."""

import asyncio


async def stores_all(peer):
    while True:
        await peer.stored(await peer.request())


async def never_answers(peer):
    await peer.request()


async def never_reads(peer):
    peer.writer.transport.pause_reading()
    await asyncio.Event().wait()


async def drips(peer):
    """Answers a byte at a time, so that something always moves."""
    await peer.request()
    peer.writer.write(b"HTTP/1.1 201 Created\r\nX-Endless: ")
    while True:
        peer.writer.write(b"a")
        await peer.writer.drain()
        await asyncio.sleep(0.01)


async def resets_in_the_body(peer):
    await peer.head()
    await peer.reader.readexactly(1000)
    peer.reset()


async def closes_without_answer(peer):
    await peer.request()
    peer.writer.close()


async def refuses_before_the_body(peer):
    await peer.head()
    kind = {"x-amzn-ErrorType": "ThrottlingException:http://x/", "Connection": "close"}
    await peer.answer(400, kind, b'{"Message":"Rate exceeded"}')
    await asyncio.Event().wait()


async def refuses_and_closes(peer):
    await peer.head()
    kind = {"x-amzn-ErrorType": "ThrottlingException:http://x/", "Connection": "close"}
    await peer.answer(400, kind, b'{"Message":"Rate exceeded"}')
    peer.writer.close()


async def answers_html(peer):
    await peer.request()
    await peer.answer(503, {"Content-Type": "text/html"}, b"<html><h1>Slow down</h1></html>")


async def cuts_the_answer(peer):
    await peer.request()
    peer.writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{")
    await peer.writer.drain()
    peer.writer.close()


async def answers_no_http(peer):
    await peer.request()
    peer.writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    await peer.writer.drain()


async def echoes_another_checksum(peer):
    await peer.request()
    await peer.answer(201, {"x-amz-Checksum": "A" * 43 + "="})


async def echoes_nothing(peer):
    await peer.request()
    await peer.answer(201)


async def redirects(peer):
    await peer.request()
    await peer.answer(307, {"Location": "http://127.0.0.1:1/elsewhere"})


async def put(plane, lab, block, digest, index=0, on_sent=None):
    await plane.put_block(lab.SNAPSHOT, index, memoryview(block), digest, on_sent)
