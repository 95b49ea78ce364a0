"""The store's requests where the way is narrow, or leads to something that is no store."""

import asyncio
import contextlib

import pytest

from bulkput.ebs.credentials import Credentials, StaticCredentials
from bulkput.ebs.deadlines import Deadlines
from bulkput.model.clock import LoopClock
from bulkput.model.errors import BulkputError
from bulkput.model.failure import FailureClass
from bulkput.store import s3_place
from bulkput.store.address import store_address
from bulkput.store.s3 import S3Store
from bulkput.store.s3_requests import S3Requests

CONTENT = bytes(60_000)
PIECES = 10
PIECE_S = 0.04
"""90 kB/s, so that all of it takes four times as long as an attempt may that does not move."""

PLACES_DEADLINES = s3_place._DEADLINES

KEYS = StaticCredentials(Credentials("AKIAEXAMPLE", "secret"))


@pytest.fixture(autouse=True)
def limits(monkeypatch):
    found = Deadlines(connect_s=1.0, no_progress_s=0.3, attempt_s=0.1)
    monkeypatch.setattr(s3_place, "_DEADLINES", found)
    monkeypatch.delenv("AWS_PROFILE", raising=False)


@contextlib.asynccontextmanager
async def opened(url, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
    place = await s3_place.find_s3(region="us-east-1", profile=None, allow_insecure_http=False)
    address = store_address("s3://states/some")
    async with S3Requests(address, place, credentials=KEYS, clock=LoopClock()) as requests:
        yield S3Store(address, requests)


@contextlib.asynccontextmanager
async def serving(answer):
    async def serve(reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            await answer(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_an_object_that_comes_slowly_is_waited_for(monkeypatch):
    async def trickle(_, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(CONTENT))
        for start in range(0, len(CONTENT), len(CONTENT) // PIECES):
            writer.write(CONTENT[start : start + len(CONTENT) // PIECES])
            await asyncio.sleep(PIECE_S)

    async with serving(trickle) as url, opened(url, monkeypatch) as store:
        found = await store.get("key", size_max_bytes=len(CONTENT))
    assert found.content == CONTENT


async def test_one_of_which_nothing_comes_is_not(monkeypatch):
    async def silence(reader, _):
        await reader.read()

    async with serving(silence) as url, opened(url, monkeypatch) as store:
        with pytest.raises(BulkputError, match="no answer within"):
            await store.get("key", size_max_bytes=len(CONTENT))


async def test_a_name_that_is_no_stores_is_explained(monkeypatch):
    async with opened("https://nowhere.invalid", monkeypatch) as store:
        with pytest.raises(BulkputError, match=r"AWS_ENDPOINT_URL.* DNS") as caught:
            await store.get("key", size_max_bytes=1)
    assert (caught.value.failure, caught.value.status) == (FailureClass.NO_SUCH_HOST, 3)


async def test_of_one_who_has_answered_an_outage_may_pass(monkeypatch):
    async def once(_, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx")

    async with contextlib.AsyncExitStack() as stack:
        async with serving(once) as url:
            store = await stack.enter_async_context(opened(url, monkeypatch))
            await store.get("key", size_max_bytes=1)
        with pytest.raises(BulkputError) as caught:
            await store.get("key", size_max_bytes=1)
    assert caught.value.failure is FailureClass.TRANSIENT


def test_what_does_not_move_is_given_up_soon():
    assert PLACES_DEADLINES.attempt_s <= 10
