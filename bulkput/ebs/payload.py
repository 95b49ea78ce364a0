"""A block as an aiohttp body that is never copied in Python.

aiohttp joins the headers and the first piece of a body into one bytes object on Python before
3.12.9 and 3.13.2 (``SKIP_WRITELINES`` in its http_writer), a copy of 512 KiB a put; on all
Pythons event loops that do not know ``writelines`` join too. Sending the headers first avoids
both. Knows no signature and no answer.
"""

from collections.abc import Callable
from typing import Any

from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload

from bulkput.ebs.stall import Attempt


class BlockPayload(Payload):
    """Sends one memoryview, tells the watch on which connection, and when it is not needed."""

    _autoclose = True

    def __init__(self, view: memoryview, attempt: Attempt, on_sent: Callable[[], None]) -> None:
        """Take the view; it is let go when it was sent, or when the request ends.

        Args:
            view: The body.
            attempt: Learns the transport.
            on_sent: Called once nothing of the body is held any more.
        """
        super().__init__(view)
        self._size = view.nbytes
        self._attempt = attempt
        self._on_sent = on_sent

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send the headers, then the view as it is."""
        transport: Any = writer.transport
        self._attempt.transport = transport
        # Without this the loop calls up to 64 KiB of the view "sent" while it still refers to it.
        # (With 0 asyncio's TLS would pause and resume for nothing.)
        transport.set_write_buffer_limits(high=1)
        writer.send_headers()
        await writer.write(self._value)
        await writer.drain()
        if transport.get_write_buffer_size() == 0:
            self._value = None
            self._consumed = True
            self._on_sent()

    async def write_with_length(
        self,
        writer: AbstractStreamWriter,
        content_length: int | None,  # noqa: ARG002 - it is the view's length
    ) -> None:
        """Send the whole view."""
        await self.write(writer)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:  # noqa: ARG002 - fixed by aiohttp
        """Refuse: a block is no text."""
        raise TypeError("a block is no text")
