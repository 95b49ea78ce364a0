"""What one exchange ends in: a response, as it is read, or the error of an attempt without one.

Knows no connection and no endpoint; what it uses of aiohttp is in ``http1``.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from bulkput.ebs.error_response import BODY_LIMIT_BYTES
from bulkput.network.late_trust import aiohttp


class HttpResponse(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    """Look-ups do not regard case."""
    body: bytes
    """As much as was asked for."""
    is_whole: bool
    """Whether ``body`` is all of it."""


class WireError(Exception):
    """An attempt without an answer; the cause is what aiohttp or the socket raised."""

    def __init__(self, known_cause: str = "", *, is_stalled: bool = False) -> None:
        self.known_cause = known_cause
        """In words, where it is better known than by the exception."""
        self.is_stalled = is_stalled
        """A limit of time ended it."""
        super().__init__(known_cause)


async def receive_response(protocol: Any, limit_bytes: int) -> HttpResponse:
    """Read the answer behind the interim ones.

    Args:
        protocol: aiohttp's, of the connection on which the request was sent.
        limit_bytes: The rest of a longer body is not read; of a refusal still less is.

    Raises:
        WireError: what came is no answer to a request.
        aiohttp.ClientError, OSError: the connection broke off.
    """
    message, payload = await _final_response(protocol)
    is_refusal = message.code >= 300
    if is_refusal:
        limit_bytes = min(limit_bytes, BODY_LIMIT_BYTES)
    pieces: list[bytes] = []
    length = 0
    is_whole = True
    if payload.is_eof():
        pieces.append(payload.read_nowait())
        is_whole = len(pieces[0]) <= limit_bytes
    else:
        try:
            while piece := await payload.readany():
                pieces.append(piece)
                length += len(piece)
                if length > limit_bytes:
                    is_whole = False
                    break
        except (aiohttp.ClientError, OSError):
            if not is_refusal:
                raise
            is_whole = False  # a refusal's status and headers are worth more than its body
    body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    return HttpResponse(message.code, message.headers, body, is_whole)


async def _final_response(protocol: Any) -> tuple[Any, Any]:
    """Return the answer behind the interim ones, which are ignored; the protocol counts them."""
    while True:
        message, payload = await protocol.read()
        if message.code == 101:
            raise WireError("the answer changes the protocol, and nobody asked for that")
        if message.code >= 200:
            return message, payload
