"""Servers that behave as a script says, and planes that talk to them."""

import asyncio
import hashlib
import os
import socket
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
import uvloop

from bulkput.ebs.credentials import Credentials, StaticCredentials
from bulkput.ebs.data_plane import DataPlane
from bulkput.ebs.deadlines import Deadlines
from bulkput.ebs.endpoint import parse_endpoint
from bulkput.model.clock import LoopClock

SNAPSHOT = "snap-0123456789abcdef0"
KEYS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
SHORT = Deadlines(connect_s=2.0, no_progress_s=0.25, attempt_s=5.0, control_s=5.0)


@dataclass
class Request:
    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Peer:
    """One accepted connection, as a script sees it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def head(self) -> Request:
        text = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        line, *rest = text.split("\r\n")
        headers = dict(one.split(": ", 1) for one in rest if one)
        return Request(line, {name.lower(): value for name, value in headers.items()}, b"")

    async def request(self) -> Request:
        request = await self.head()
        length = int(request.headers.get("content-length", "0"))
        request.body = await self.reader.readexactly(length)
        return request

    async def answer(
        self, status: int, headers: dict[str, str] | None = None, body: bytes = b"{}"
    ) -> None:
        all_headers = {"Content-Length": str(len(body)), **(headers or {})}
        lines = "".join(f"{name}: {value}\r\n" for name, value in all_headers.items())
        self.writer.write(f"HTTP/1.1 {status} Whatever\r\n{lines}\r\n".encode() + body)
        await self.writer.drain()

    async def stored(self, request: Request) -> None:
        """Answer as the service does when it has the block."""
        checksum = b64encode(hashlib.sha256(request.body).digest()).decode()
        await self.answer(201, {"x-amz-Checksum": checksum, "x-amz-Checksum-Algorithm": "SHA256"})

    def reset(self) -> None:
        self.writer.transport.abort()


Script = Callable[[Peer], Awaitable[None]]


@dataclass
class ScriptedServer:
    """Follows one script a connection, the last one for all that come later."""

    scripts: list[Script]
    tls: object = None
    connections: int = 0
    url: str = ""
    ended: list[asyncio.Event] = field(default_factory=list)
    """Set, in order of the connections, when a client has closed one."""
    met: asyncio.Event = field(default_factory=asyncio.Event)
    """Set at the first connection."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = self.scripts[min(self.connections, len(self.scripts) - 1)]
        self.connections += 1
        ended = asyncio.Event()
        self.ended.append(ended)
        self.met.set()
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            await script(Peer(reader, writer))
            while await reader.read(1 << 16):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            ended.set()
            self._tasks.discard(task)
            writer.transport.abort()

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)


@asynccontextmanager
async def serving(*scripts: Script, tls=None, host: str = "127.0.0.1"):
    behaviour = ScriptedServer(list(scripts))
    listener = socket.socket()
    # Far less than a block, so that a client meets a peer that does not read.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 10)
    listener.bind((host, 0))
    # And the reader above it stops at twice its limit.
    server = await asyncio.start_server(behaviour.serve, sock=listener, ssl=tls, limit=8 << 10)
    scheme = "http" if tls is None else "https"
    behaviour.url = f"{scheme}://{host}:{server.sockets[0].getsockname()[1]}"
    try:
        yield behaviour
    finally:
        server.close()
        await behaviour.stop()


@asynccontextmanager
async def data_plane(
    url: str, *, deadlines: Deadlines = SHORT, tls=None, credentials=None, proxy=None
) -> AsyncIterator[DataPlane]:
    async with DataPlane(
        parse_endpoint(url, allow_insecure_http=False),
        region="eu-west-1",
        credentials=credentials or StaticCredentials(KEYS),
        clock=LoopClock(),
        connections_max=8,
        deadlines=deadlines,
        tls=tls,
        proxy=proxy,
    ) as plane:
        # Else the kernel takes a whole block at once, and no test meets a full buffer.
        plane._wire._connector._socket_factory = _socket_with_small_buffer
        yield plane


def _socket_with_small_buffer(address_info) -> socket.socket:
    family, kind, protocol, *_ = address_info
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 << 10)
    made.setblocking(False)
    return made


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories(config, item):
    """Every test that awaits runs on both loops: their transports buffer differently."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch, tmp_path):
    """No test reads this machine's AWS configuration, proxies or instance."""
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "aws-credentials"))
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture(scope="session")
def block() -> bytes:
    return (b"0123456789abcdef" * 32768)[:524288]


@pytest.fixture(scope="session")
def digest(block) -> bytes:
    return hashlib.sha256(block).digest()


@pytest.fixture(scope="session")
def lab() -> SimpleNamespace:
    """What tests build with: ``serving``, ``data_plane``, ``SNAPSHOT``, ``KEYS``, ``SHORT``."""
    return SimpleNamespace(
        serving=serving, data_plane=data_plane, SNAPSHOT=SNAPSHOT, KEYS=KEYS, SHORT=SHORT
    )
