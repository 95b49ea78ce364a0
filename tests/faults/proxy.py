"""A TCP proxy that spoils connections: each way of spoiling one is a small class.

A script is taken connection by connection, by those on which a block is put; the rest pass.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from dataclasses import dataclass

_CHUNK = 65_536


@dataclass
class Spoiler:
    """Passes everything; the others say what they do instead."""

    hit: bool = False

    async def upstream(self, reader, writer, first):
        """Carry what the client sends."""
        while first:
            writer.write(first)
            await writer.drain()
            first = await reader.read(_CHUNK)

    async def downstream(self, reader, writer):
        """Carry what the server answers."""
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()


@dataclass
class Blackhole(Spoiler):
    """Reads what the client sends and answers nothing."""

    async def upstream(self, reader, _writer, first):
        while first:
            first = await reader.read(_CHUNK)


@dataclass
class Deaf(Spoiler):
    """Reads nothing more: the client's buffers fill and stay full."""

    async def upstream(self, _reader, _writer, _first):
        await asyncio.Event().wait()


@dataclass
class ResetAfter(Spoiler):
    """Resets the connection when the client has sent so much."""

    at_bytes: int = 200_000

    async def upstream(self, reader, writer, first):
        passed = 0
        while first:
            passed += len(first)
            if passed >= self.at_bytes:
                raise ConnectionResetError
            writer.write(first)
            first = await reader.read(_CHUNK)


@dataclass
class CloseAfter(Spoiler):
    """Closes the connection in order when the client has sent so much."""

    at_bytes: int = 200_000

    async def upstream(self, reader, _writer, first):
        passed = 0
        while first and passed < self.at_bytes:
            passed += len(first)
            first = await reader.read(_CHUNK)
        raise EOFError


@dataclass
class DripAnswer(Spoiler):
    """Answers a byte at a time, slower than anybody would wait for the whole."""

    pause_s: float = 0.05

    async def downstream(self, reader, writer):
        while data := await reader.read(_CHUNK):
            for position in range(len(data)):
                writer.write(data[position : position + 1])
                await asyncio.sleep(self.pause_s)


@dataclass
class LoseAnswer(Spoiler):
    """The server gets all and answers; the client sees the connection reset instead."""

    async def downstream(self, reader, _writer):
        await reader.read(_CHUNK)
        raise ConnectionResetError


@dataclass
class TruncateAnswer(Spoiler):
    """The client gets the first bytes of the answer only, and then the end."""

    at_bytes: int = 30

    async def downstream(self, reader, writer):
        writer.write((await reader.read(_CHUNK))[: self.at_bytes])
        await writer.drain()
        raise EOFError


@dataclass
class Garbage(Spoiler):
    """Answers something that is not HTTP."""

    async def downstream(self, reader, writer):
        await reader.read(_CHUNK)
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n" + bytes(range(256)))
        await writer.drain()
        raise EOFError


class Proxy:
    """Listens on loopback and carries connections to ``port``; runs in a thread of its own."""

    def __init__(self, port, *script, host="127.0.0.1"):
        self._target = port
        self._script = list(script)
        self.waiting = list(script)
        self._links = set()
        self._tasks = set()
        self._server = None
        self.accepted = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port = 0
        self.host = host
        self.open()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def _call(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def open(self, host=None):
        """Listen, on the same port as before if there was one."""
        self.host = host or self.host
        self._call(self._open())

    async def _open(self):
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._server = await asyncio.start_server(
            self._accept, self.host, self.port, family=family, reuse_address=True
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self):
        """Reset every connection and refuse new ones, until ``open``."""
        self._call(self._cut())

    async def _cut(self):
        self._server.close()
        for writer in list(self._links):
            _reset(writer)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def close(self):
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @property
    def unreached(self):
        return [spoiler for spoiler in self._script if not spoiler.hit]

    def _choose(self, first):
        if not first.startswith(b"PUT /snapshots/") or not self.waiting:
            return Spoiler()
        chosen = self.waiting.pop(0)
        chosen.hit = True
        return chosen

    async def _accept(self, reader, writer):
        self.accepted += 1
        task = asyncio.current_task()
        self._tasks.add(task)
        self._links.add(writer)
        far = None
        try:
            first = await reader.read(_CHUNK)
            if not first:
                return
            spoiler = self._choose(first)
            far_reader, far = await asyncio.open_connection("127.0.0.1", self._target)
            self._links.add(far)
            ways = [
                asyncio.ensure_future(spoiler.upstream(reader, far, first)),
                asyncio.ensure_future(spoiler.downstream(far_reader, writer)),
            ]
            try:
                done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                ended = await asyncio.gather(*ways, return_exceptions=True)
            if any(isinstance(one, ConnectionResetError) for one in ended):
                _reset(writer)
            del done
        except (OSError, asyncio.CancelledError):
            _reset(writer)
        finally:
            for link in (writer, far):
                if link is not None:
                    self._links.discard(link)
                    with contextlib.suppress(OSError):
                        link.close()
            self._tasks.discard(task)


def _reset(writer):
    """End a connection by RST, as a machine that has gone does when it is asked."""
    connection = writer.get_extra_info("socket")
    if connection is not None:
        with contextlib.suppress(OSError):
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()
