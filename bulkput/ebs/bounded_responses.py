"""aiohttp's protocol of one connection, which takes a few interim answers and no more.

aiohttp queues every message that arrives, interim ones (``100 Continue``) too, also while a body is
still being sent and nobody reads: a flood of them took 515 MiB within one attempt's deadline. And
it passes over any number of them, in the answer to CONNECT too, which it reads by itself.
"""

import asyncio
import functools
from typing import Any

from bulkput.network.late_trust import aiohttp

INTERIM_ANSWERS_MAX = 8
"""RFC 9110 lets a server send any number before the answer; AWS sends none."""


class InterimAnswersError(aiohttp.ClientConnectionError):
    """More interim answers than ``INTERIM_ANSWERS_MAX``, and no answer behind them."""


class BoundedResponses(aiohttp.client_proto.ResponseHandler):
    """Closes its connection when too many answers lie unread, or are interim ones."""

    _interim_answers = 0

    async def read(self) -> Any:
        message = await super().read()
        if message[0].code >= 200:
            self._interim_answers = 0
            return message
        self._interim_answers += 1
        if self._interim_answers > INTERIM_ANSWERS_MAX:
            raise InterimAnswersError
        return message

    def feed_data(self, data: Any, size: int = 0) -> None:
        if len(self._buffer) <= INTERIM_ANSWERS_MAX:
            super().feed_data(data, size)
        elif self.transport is not None and not self.transport.is_closing():
            self.force_close()
            self.transport.abort()


def bounded_connector(**options: Any) -> Any:
    """Return aiohttp's connector, made with ``options``, whose connections are all bounded."""
    connector: Any = aiohttp.TCPConnector(**options)
    connector._factory = functools.partial(  # noqa: SLF001 - see http1's docstring
        BoundedResponses, loop=asyncio.get_running_loop()
    )
    return connector
