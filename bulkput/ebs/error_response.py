"""Answers that are no success, read: status, headers and body become a ``ServiceError``.

Knows both body forms of the service, and survives what proxies and broken servers send instead:
HTML, truncated JSON, no headers. Knows no HTTP client and decides nothing but by ``classify``.
"""

import json
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from bulkput.ebs.advice import advice
from bulkput.ebs.classify import classify
from bulkput.model.errors import ServiceError

BODY_LIMIT_BYTES = 64 * 1024
"""What is read of an answer that is no block; the service's own errors have a few hundred."""

_MESSAGE_LIMIT_CHARS = 500
"""The longest message seen has 180."""

_SECRETIVE = re.compile(r"\s*The (?:Canonical String|String-to-Sign)\b.*", re.DOTALL)
"""AWS explains a wrong signature by printing what was signed, the session token included."""

_TAGS = re.compile(r"<(?:script|style)\b.*?</(?:script|style)>|<[^>]*>", re.DOTALL | re.IGNORECASE)


def error_of_answer(
    operation: str,
    http_status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    region: str,
    snapshot_id: str | None = None,
    block_index: int | None = None,
) -> ServiceError:
    """Return what the answer means, with its facts.

    Args:
        operation: As ``PutSnapshotBlock``.
        http_status: The status.
        headers: The answer's headers; look-ups must not regard case.
        body: The body, or as much of it as came.
        region: For the advice.
        snapshot_id: Which snapshot was asked for.
        block_index: Which block.
    """
    fields = _fields(body)
    code = _code(headers, fields)
    reason = fields.get("Reason")
    message = fields.get("Message") or fields.get("message") or _text(body)
    failure = classify(http_status, code, reason, message, operation)
    return ServiceError(
        operation,
        failure,
        plain_message(message) or "an answer without a message",
        advice=advice(operation, failure, region=region),
        snapshot_id=snapshot_id,
        block_index=block_index,
        http_status=http_status,
        code=code,
        reason=reason,
        request_id=headers.get("x-amzn-RequestId"),
        server_unix_s=server_time(headers.get("Date")),
    )


def plain_message(message: str) -> str:
    """Return ``message`` on one line, of bounded length, without what the request contained."""
    text = " ".join(_SECRETIVE.sub("", message).split())
    text = "".join(char if char.isprintable() else "?" for char in text)
    return text if len(text) <= _MESSAGE_LIMIT_CHARS else text[:_MESSAGE_LIMIT_CHARS] + "..."


def server_time(date: str | None) -> float | None:
    """Return the seconds since 1970 of a Date header; None if there is none that can be read."""
    if not date:
        return None
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None


def _fields(body: bytes) -> dict[str, str]:
    try:
        parsed: Any = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(parsed, dict):
        return {}
    return {str(name): value for name, value in parsed.items() if isinstance(value, str)}


def _code(headers: Mapping[str, str], fields: Mapping[str, str]) -> str | None:
    """Return the error's code, without namespace and URL."""
    found = headers.get("x-amzn-ErrorType") or fields.get("__type") or fields.get("code") or ""
    return found.partition(":")[0].rpartition("#")[2].strip() or None


def _text(body: bytes) -> str:
    """Return the words of a body that is no JSON object: HTML of a proxy, half an answer."""
    return _TAGS.sub(" ", body.decode("utf-8", "replace"))
