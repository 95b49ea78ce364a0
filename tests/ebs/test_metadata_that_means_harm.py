"""A metadata service that redirects, or answers without end, gets and gives nothing."""

import asyncio
import contextlib
import json
import re
import time
from pathlib import Path

import pytest

from bulkput.ebs.aws_session import new_session
from bulkput.ebs.credentials import ChainCredentials
from bulkput.ebs.region import resolve_region
from bulkput.model.errors import ConfigError, CredentialsError

LIMIT_S = 30.0
MEMORY_MIB = 64
KEYS = json.dumps(
    {
        "Code": "Success",
        "AccessKeyId": "a",
        "SecretAccessKey": "s",
        "Token": "t",
        "Expiration": "2100-01-01T00:00:00Z",
    }
).encode()


@contextlib.asynccontextmanager
async def served(answer):
    """Serve what ``answer(head, writer)`` writes; tokens are given to everybody."""
    tasks = set()

    async def serve(reader, writer):
        tasks.add(asyncio.current_task())
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"PUT"):
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntoken")
                else:
                    await answer(head, writer)
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


async def without_end(_, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
    while True:
        writer.write(b"x" * 65_536)
        await writer.drain()


async def chunks_without_end(_, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
        await writer.drain()


async def headers_without_end(_, writer):
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-Long: x\r\n" * 1000)
        await writer.drain()


async def a_line_without_end(_, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while True:
        writer.write(b"x" * 65_536)
        await writer.drain()


async def many_interim(_, writer):
    """Answer at last, as one without end does not: whoever bounds them never has the keys."""
    for _ in range(40):
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)
        await writer.drain()
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(KEYS)}\r\n\r\n"
    writer.write(head.encode() + KEYS)


async def drops(_, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


@pytest.fixture(params=["instance", "container"])
def serve_as(request, monkeypatch):
    """Return a function that makes an address the one of the service."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")

    def serve(url):
        if request.param == "instance":
            monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
            monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)
        else:
            monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
            monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{url}/keys")
            monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "token-canary")

    return serve


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch):
    fetcher = "aiobotocore.utils.AioContainerMetadataFetcher"
    monkeypatch.setattr(f"{fetcher}.SLEEP_TIME", 0)
    monkeypatch.setattr(f"{fetcher}.TIMEOUT_SECONDS", 0.5)


def peak_mib():
    (line,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(line) / 1024


def forget_peak():
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


async def credentials():
    return await ChainCredentials(lambda: new_session(None), time.monotonic).current()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_no_metadata_is_fetched_elsewhere(serve_as, status):
    asked = []

    async def take(head, writer):
        asked.append(head)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    async with served(take) as elsewhere:

        async def redirect(_, writer):
            target = elsewhere.replace("127.0.0.1", "localhost")
            head = f"HTTP/1.1 {status} No\r\nLocation: {target}/x\r\nContent-Length: 0\r\n\r\n"
            writer.write(head.encode())

        async with served(redirect) as url:
            serve_as(url)
            with pytest.raises(CredentialsError):
                await credentials()
    assert asked == []


@pytest.mark.parametrize(
    "answer",
    [
        without_end,
        chunks_without_end,
        headers_without_end,
        a_line_without_end,
        many_interim,
        drops,
    ],
)
async def test_an_answer_without_end_ends_in_a_sentence(serve_as, answer):
    async with served(answer) as url:
        serve_as(url)
        forget_peak()
        before_mib = peak_mib()
        async with asyncio.timeout(LIMIT_S):
            with pytest.raises(CredentialsError) as caught:
                await credentials()
        assert peak_mib() - before_mib < MEMORY_MIB
    assert str(caught.value).isprintable()
    assert "canary" not in str(caught.value)


async def test_a_region_without_end_is_none(monkeypatch, serve_as):
    async with served(without_end) as url:
        serve_as(url)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)
        async with asyncio.timeout(LIMIT_S):
            with pytest.raises(ConfigError, match="expected a Region"):
                await resolve_region(new_session(None), None, {})
