"""A narrow link: a TCP proxy whose connections share one rate, with latency each way.

Runs in a thread of its own. Bytes that a client sends go by the rate, those that it receives do
not: uploads are what is measured.
"""

import asyncio
import contextlib
import random
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

_CHUNK_BYTES = 16 * 1024
"""Taken from the rate at a time, connection by connection: a router's fairness, coarsely."""

_QUEUE_CHUNKS = 16
"""On their way in each direction of a connection: beyond it the sender waits."""

_STOP_S = 10.0


class Link:
    """Carries connections to a port of this machine; a context manager."""

    def __init__(
        self, port: int, *, bytes_per_s: float, delay_s: float, cut_share: float = 0.0
    ) -> None:
        """Take the link's facts.

        Args:
            port: Where connections lead.
            bytes_per_s: Of all connections together; may be changed at any time.
            delay_s: Of every byte, each way.
            cut_share: Of the connections, reset after some of a block.
        """
        self.bytes_per_s = bytes_per_s
        self.sent_bytes = 0
        """That the clients have sent so far."""
        self.cut_count = 0
        self._port = port
        self._delay_s = delay_s
        self._cut_share = cut_share
        self._random = random.Random(1)  # noqa: S311 - which connections are cut
        self._free_s = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._open())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_STOP_S)
        self._loop.close()

    @property
    def url(self) -> str:
        """Where clients find the far end, over plain http."""
        return f"http://127.0.0.1:{self.port}"

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_STOP_S)

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, near: asyncio.StreamReader, to_near: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - it runs
        self._tasks.add(task)
        is_cut = self._random.random() < self._cut_share
        cut_after = self._random.randrange(1 << 19) if is_cut else None
        writers = [to_near]
        try:
            far, to_far = await asyncio.open_connection("127.0.0.1", self._port)
            writers.append(to_far)
            up = asyncio.create_task(self._carry(near, to_far, cut_after, is_shaped=True))
            down = asyncio.create_task(self._carry(far, to_near, None, is_shaped=False))
            self._tasks |= {up, down}
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({up, down}, timeout=1.0 + 2 * self._delay_s)
            for each in (up, down):
                each.cancel()
                self._tasks.discard(each)
        except (OSError, asyncio.CancelledError):
            pass  # of the whole link's end nobody else is to hear
        finally:
            for writer in writers:
                writer.transport.abort()
            self._tasks.discard(task)

    async def _carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        cut_after: int | None,
        *,
        is_shaped: bool,
    ) -> None:
        coming: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_QUEUE_CHUNKS)
        delivering = asyncio.create_task(self._deliver(coming, writer))
        carried = 0
        try:
            with contextlib.suppress(OSError):
                while data := await reader.read(_CHUNK_BYTES):
                    carried += len(data)
                    if is_shaped:
                        self.sent_bytes += len(data)
                        await self._wait_for(len(data))
                    if cut_after is not None and carried > cut_after:
                        self.cut_count += 1
                        return
                    await coming.put((self._loop.time() + self._delay_s, data))
            await coming.put((self._loop.time() + self._delay_s, b""))
            await delivering
        finally:
            delivering.cancel()

    async def _wait_for(self, size_bytes: int) -> None:
        """Take a part of the rate, in the order of asking."""
        self._free_s = max(self._free_s, self._loop.time()) + size_bytes / self.bytes_per_s
        await asyncio.sleep(self._free_s - self._loop.time())

    async def _deliver(
        self, coming: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError):
            while True:
                due_s, data = await coming.get()
                await asyncio.sleep(due_s - self._loop.time())
                if not data:
                    if writer.can_write_eof():
                        writer.write_eof()
                    return
                writer.write(data)
                await writer.drain()
