"""What becomes of a connection after its put, and how long the block is held."""

import asyncio
import gc
import socket
import weakref

import pytest
from support.bad_peers import (
    closes_without_answer,
    never_answers,
    never_reads,
    put,
    stores_all,
)

from bulkput.ebs import http1
from bulkput.ebs.bounded_responses import INTERIM_ANSWERS_MAX
from bulkput.ebs.deadlines import Deadlines
from bulkput.model.errors import ServiceError
from bulkput.model.failure import FailureClass


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


async def test_interim_answers_are_counted_for_each_put_and_not_for_the_connection(
    lab, block, digest
):
    async def continues_each(peer):
        while True:
            request = await peer.request()
            peer.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            await peer.stored(request)

    async with lab.serving(continues_each) as server, lab.data_plane(server.url) as plane:
        for index in range(INTERIM_ANSWERS_MAX + 1):
            await put(plane, lab, block, digest, index)
        assert server.connections == 1


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
    assert http1.aiohttp.http.StreamWriter.drain
