"""Proxies whose answers never end: to CONNECT, and to a request that they carry."""

import asyncio
import hashlib

import pytest
from support.raw_server import ENDLESS_MAX, RawServer, endless_answers

from bulkput.ebs.credentials import StaticCredentials
from bulkput.ebs.deadlines import Deadlines
from bulkput.ebs.service import open_service
from bulkput.ebs.snapshot import StartRequest
from bulkput.model.clock import LoopClock
from bulkput.model.errors import ConfigError, ServiceError


def opened(lab, url):
    return open_service(
        region="us-east-1",
        clock=LoopClock(),
        endpoint_url=url,
        allow_insecure_http=True,
        deadlines=Deadlines(connect_s=20, no_progress_s=20, attempt_s=20, control_s=20),
        credentials=StaticCredentials(lab.KEYS),
    )


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("answer", endless_answers())
async def test_they_are_left_within_one_exchange(monkeypatch, lab, block, scheme, answer):
    with RawServer(answer) as proxy:
        monkeypatch.setenv(f"{scheme}_proxy", proxy.url)
        async with opened(lab, f"{scheme}://ebs.example") as service:
            with pytest.raises((ServiceError, ConfigError), match="prox") as caught:
                await service.control.start_snapshot(StartRequest(1, "t"))
            assert str(caught.value).isprintable()
            digest = hashlib.sha256(block).digest()
            with pytest.raises((ServiceError, ConfigError)) as caught:
                await service.data.put_block("snap-0", 0, memoryview(block), digest)
            assert str(caught.value).isprintable()
    assert proxy.requests == 2
    assert proxy.sent < ENDLESS_MAX


async def test_interim_answers_to_connect_are_counted_one_by_one_too(monkeypatch, lab):
    async def one_by_one(peer):
        await peer.head()
        for _ in range(200):
            peer.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            await peer.writer.drain()
            await asyncio.sleep(0.001)
        await peer.answer(200)

    async with lab.serving(one_by_one) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        async with opened(lab, "https://ebs.example") as service:
            with pytest.raises(ServiceError, match="more than 8 interim answers") as caught:
                await service.control.start_snapshot(StartRequest(1, "t"))
    assert str(caught.value).isprintable()
    assert proxy.connections == 1
