"""Puts and gets against peers that misbehave: always one attempt, one error, no reuse."""

import asyncio
import gc
import socket
import weakref

import pytest

from bulkput.ebs import http1
from bulkput.ebs.deadlines import Deadlines
from bulkput.model.errors import ServiceError
from bulkput.model.failure import FailureClass


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


async def test_a_put_is_what_the_service_expects(lab, block, digest):
    seen = []

    async def records(peer):
        request = await peer.request()
        seen.append(request)
        await peer.stored(request)

    sent = []
    async with lab.serving(records) as server, lab.data_plane(server.url) as plane:
        await put(plane, lab, block, digest, 7, lambda: sent.append(True))
    (request,) = seen
    assert request.line == f"PUT /snapshots/{lab.SNAPSHOT}/blocks/7 HTTP/1.1"
    assert request.body == block
    assert sent == [True]
    assert set(request.headers) == {
        "host",
        "content-length",
        "x-amz-data-length",
        "x-amz-checksum",
        "x-amz-checksum-algorithm",
        "x-amz-content-sha256",
        "x-amz-date",
        "authorization",
    }
    assert request.headers["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"
    assert request.headers["host"] == server.url.removeprefix("http://")


@pytest.mark.parametrize(
    ("script", "failure", "word"),
    [
        (never_answers, FailureClass.STALLED, "no byte was sent or received for 0.25 s"),
        (never_reads, FailureClass.STALLED, "no byte was sent or received for 0.25 s"),
        (resets_in_the_body, FailureClass.TRANSIENT, ""),
        (closes_without_answer, FailureClass.TRANSIENT, "closed"),
        (refuses_before_the_body, FailureClass.THROTTLED_ACCOUNT, "Rate exceeded"),
        (refuses_and_closes, FailureClass.THROTTLED_ACCOUNT, "Rate exceeded"),
        (answers_html, FailureClass.TRANSIENT, "Slow down"),
        (cuts_the_answer, FailureClass.TRANSIENT, "ended early"),
        (answers_no_http, FailureClass.TRANSIENT, "not HTTP"),
        (echoes_another_checksum, FailureClass.CHECKSUM_MISMATCH, "echoed"),
        (echoes_nothing, FailureClass.TRANSIENT, "echo"),
        (redirects, FailureClass.TRANSIENT, ""),
    ],
)
async def test_a_put_fails_once_with_its_reason_and_the_next_one_works(
    lab, block, digest, script, failure, word
):
    async with lab.serving(script, stores_all) as server, lab.data_plane(server.url) as plane:
        with pytest.raises(ServiceError) as caught:
            await put(plane, lab, block, digest, 3)
        error = caught.value
        assert error.failure is failure
        assert word in str(error)
        assert (error.snapshot_id, error.block_index) == (lab.SNAPSHOT, 3)
        assert server.connections == 1
        if script not in {answers_html, echoes_another_checksum, echoes_nothing, redirects}:
            await put(plane, lab, block, digest, 3)
            assert server.connections == 2


async def test_a_peer_that_drips_is_left_at_the_deadline(lab, block, digest):
    deadlines = Deadlines(connect_s=2, no_progress_s=0.3, attempt_s=0.6, control_s=5)
    async with (
        lab.serving(drips) as server,
        lab.data_plane(server.url, deadlines=deadlines) as plane,
    ):
        with pytest.raises(ServiceError, match=r"no answer within 0\.6 s") as caught:
            await put(plane, lab, block, digest)
        assert caught.value.failure is FailureClass.STALLED


async def test_a_line_that_moves_outlasts_the_deadline_of_an_attempt(lab, block, digest):
    deadlines = Deadlines(connect_s=2, no_progress_s=0.5, attempt_s=0.4, control_s=5)

    async def reads_slowly(peer):
        request = await peer.head()
        while len(request.body) < len(block):
            request.body += await peer.reader.read(16 << 10)
            await asyncio.sleep(0.03)
        await peer.stored(request)

    async with (
        lab.serving(reads_slowly) as server,
        lab.data_plane(server.url, deadlines=deadlines) as plane,
    ):
        started_s = asyncio.get_running_loop().time()
        await put(plane, lab, block, digest)
        assert asyncio.get_running_loop().time() - started_s > 2 * deadlines.attempt_s
        assert server.connections == 1


async def test_a_slow_line_is_no_stall(lab, block, digest):
    """It takes several times the limit of a stall, but something moves all the time."""

    async def reads_slowly(peer):
        request = await peer.head()
        while len(request.body) < len(block):
            request.body += await peer.reader.read(16 << 10)
            await asyncio.sleep(0.02)
        await peer.stored(request)

    async with lab.serving(reads_slowly) as server, lab.data_plane(server.url) as plane:
        started_s = asyncio.get_running_loop().time()
        await put(plane, lab, block, digest)
        assert asyncio.get_running_loop().time() - started_s > 2 * lab.SHORT.no_progress_s


async def test_a_dropped_keep_alive_connection_is_one_attempt(lab, block, digest):
    """aiohttp's session would send the PUT again by itself."""

    async def one_then_close_on_the_second(peer):
        await peer.stored(await peer.request())
        await peer.head()
        peer.reset()

    async with (
        lab.serving(one_then_close_on_the_second) as server,
        lab.data_plane(server.url) as plane,
    ):
        await put(plane, lab, block, digest)
        with pytest.raises(ServiceError) as caught:
            await put(plane, lab, block, digest)
        assert caught.value.failure is FailureClass.TRANSIENT
        assert server.connections == 1


async def test_connections_are_used_again(lab, block, digest):
    async with lab.serving(stores_all) as server, lab.data_plane(server.url) as plane:
        for index in range(5):
            await put(plane, lab, block, digest, index)
        assert server.connections == 1
        await asyncio.gather(*(put(plane, lab, block, digest, index) for index in range(8)))
        assert server.connections == 8


@pytest.mark.parametrize("script", [never_answers, never_reads])
async def test_a_cancelled_put_closes_its_connection_and_lets_go_of_the_block(lab, digest, script):
    class Bytes(bytearray):
        __slots__ = ("__weakref__",)

    block = Bytes(b"0123456789abcdef" * 32768)
    gone = weakref.ref(block)
    async with lab.serving(script, stores_all) as server, lab.data_plane(server.url) as plane:
        task = asyncio.create_task(put(plane, lab, block, digest))
        await server.met.wait()
        await asyncio.sleep(0.05)  # the put is in the middle of its body, or waits for an answer
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        if script is never_answers:
            await asyncio.wait_for(server.ended[0].wait(), 2)
        del task, block
        await asyncio.sleep(0.01)
        gc.collect()
        assert gone() is None


async def test_the_block_is_let_go_before_the_answer(lab, block, digest):
    answered = asyncio.Event()
    sent = asyncio.Event()

    async def waits(peer):
        request = await peer.request()
        await answered.wait()
        await peer.stored(request)

    async with lab.serving(waits) as server, lab.data_plane(server.url) as plane:
        task = asyncio.create_task(put(plane, lab, block, digest, 0, sent.set))
        await asyncio.wait_for(sent.wait(), 2)
        assert not task.done()
        answered.set()
        await task


async def test_the_body_is_handed_over_as_views_of_the_block(lab, block, digest, monkeypatch):
    """No copy in Python: every piece written refers to the block's own memory."""
    pieces = []
    async with lab.serving(stores_all) as server, lab.data_plane(server.url) as plane:
        await put(plane, lab, block, digest)
        connection = plane._wire._connector
        ((protocol, _),) = next(iter(connection._conns.values()))

        class Spy:
            def __init__(self, transport):
                self._transport = transport

            def write(self, data):
                pieces.append(data)
                self._transport.write(data)

            def writelines(self, several):
                pieces.extend(several)
                self._transport.writelines(several)

            def __getattr__(self, name):
                return getattr(self._transport, name)

        protocol.transport = Spy(protocol.transport)
        await put(plane, lab, block, digest)
    head, *body = pieces
    assert head.startswith(b"PUT ")
    assert all(piece.obj is block for piece in body)
    assert sum(piece.nbytes for piece in body) == len(block)


async def test_nobody_listening_is_reported(lab, block, digest):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        async with lab.data_plane(url) as plane:
            with pytest.raises(ServiceError, match="could not be made") as caught:
                await put(plane, lab, block, digest)
    assert caught.value.failure is FailureClass.TRANSIENT


async def test_a_connection_that_is_not_accepted_has_its_own_limit(lab, block, digest):
    deadlines = Deadlines(connect_s=0.2, no_progress_s=5, attempt_s=9, control_s=5)
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        fillers = [socket.socket() for _ in range(4)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(full.getsockname())
            async with lab.data_plane(url, deadlines=deadlines) as plane:
                with pytest.raises(ServiceError, match=r"no connection within 0\.2 s"):
                    await put(plane, lab, block, digest)
        finally:
            for filler in fillers:
                filler.close()


async def test_a_name_is_looked_up_anew_after_a_failure(lab, block, digest, monkeypatch):
    async with (
        lab.serving(closes_without_answer, stores_all) as server,
        lab.data_plane(server.url) as plane,
    ):
        forgotten = []
        monkeypatch.setattr(plane._wire, "forget_addresses", lambda: forgotten.append(1))
        with pytest.raises(ServiceError):
            await put(plane, lab, block, digest)
        assert forgotten == [1]
        await put(plane, lab, block, digest)
        assert forgotten == [1]


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


async def test_an_id_that_would_change_the_path_is_refused(lab, block, digest):
    async with lab.data_plane("http://127.0.0.1:1") as plane:
        with pytest.raises(ServiceError) as caught:
            await plane.put_block("snap-1/../x", 0, memoryview(block), digest)
    assert caught.value.failure is FailureClass.INVALID


async def test_a_proxy_for_plain_http_is_given_the_whole_url(lab, block, digest):
    seen = []

    async def proxies(peer):
        request = await peer.request()
        seen.append(request)
        await peer.stored(request)

    async with (
        lab.serving(proxies) as proxy,
        lab.data_plane(
            "http://localhost:9", proxy=proxy.url.replace("://", "://user:canary@")
        ) as plane,
    ):
        await put(plane, lab, block, digest)
    assert seen[0].line.startswith("PUT http://localhost:9/snapshots/")
    assert seen[0].headers["proxy-authorization"].startswith("Basic ")


def test_what_is_used_of_aiohttp_is_there():
    """Undocumented parts that the wire relies on, by name, so that an upgrade is noticed."""
    import inspect  # noqa: PLC0415 - of this test alone

    from aiohttp import TCPConnector  # noqa: PLC0415
    from aiohttp.client_proto import ResponseHandler  # noqa: PLC0415
    from aiohttp.connector import Connection  # noqa: PLC0415

    connect = list(inspect.signature(TCPConnector.connect).parameters)
    assert connect == ["self", "req", "traces", "timeout"]
    parameters = inspect.signature(ResponseHandler.set_response_params).parameters
    assert {"read_until_eof", "auto_decompress", "read_bufsize"} <= set(parameters)
    assert isinstance(inspect.getattr_static(Connection, "protocol"), property)
    assert callable(ResponseHandler.read)
    assert http1.StreamWriter.drain
