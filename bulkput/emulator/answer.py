"""Answers: what an operation returns, and the HTTP response that it becomes.

Owns the headers that every answer has. The only file besides the server's that knows aiohttp's
response type.
"""

import functools
import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from aiohttp import web

from bulkput.emulator.errors import ApiError

JSON = "application/json"
BINARY = "application/octet-stream"
XML = "text/xml;charset=UTF-8"
HTML = "text/html"
_ERROR_NAMESPACE = "http://internal.amazon.com/coral/"


@dataclass(slots=True)
class Answer:
    """A status, a body and the headers of its own."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)
    code: str = ""
    """The error's code, for counting; empty for a success."""
    from_service: bool = True
    """False for the page of a proxy in between, which has no request id."""
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))


def json_answer(status: int, fields: dict[str, Any]) -> Answer:
    """Return a JSON answer."""
    return Answer(status, json.dumps(fields, separators=(",", ":")).encode())


def error_answer(error: ApiError) -> Answer:
    """Return an error answer in the direct API's form."""
    answer = json_answer(error.http_status, dict(error.body()))
    answer.headers["x-amzn-ErrorType"] = f"{error.code}:{_ERROR_NAMESPACE}{error.namespace}/"
    answer.code = error.code
    return answer


def html_unavailable() -> Answer:
    """Return what a load balancer answers when nothing is behind it."""
    page = b"<html><body><h1>503 Service Temporarily Unavailable</h1></body></html>"
    return Answer(503, page, HTML, code="html-503", from_service=False)


class NamelessStream(web.StreamResponse):
    """A response without the Server header that aiohttp adds: EBS names no server."""

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        self.headers.popall("Server", None)


class NamelessResponse(web.Response, NamelessStream):
    """The same, sent whole."""


def to_response(answer: Answer, now_unix_s: float) -> web.Response:
    """Return the HTTP response; a 400 closes its connection, as the service's does."""
    headers = {
        "Content-Type": answer.content_type,
        "Date": _http_date(int(now_unix_s)),
        **answer.headers,
    }
    if answer.from_service:
        headers["x-amzn-RequestId"] = answer.request_id
    response = NamelessResponse(status=answer.status, body=answer.body, headers=headers)
    if answer.status == 400:
        response.force_close()
    return response


@functools.lru_cache(maxsize=1)
def _http_date(unix_s: int) -> str:
    """Return the Date header, formatted once a second."""
    return format_datetime(datetime.fromtimestamp(unix_s, UTC), usegmt=True)
