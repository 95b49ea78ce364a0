"""Answers that are no success, read: status, headers and body become a ``ServiceError``.

Knows both body forms of the service, and survives what proxies and broken servers send instead:
HTML, truncated JSON, no headers. Takes time in proportion to what it reads, which is little, and
hands on nothing that a terminal would obey. Knows no HTTP client and decides nothing but by
``classify``.
"""

import json
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

from bulkput.ebs.advice import advice
from bulkput.ebs.classify import classify
from bulkput.model.errors import ServiceError
from bulkput.network.words import plain_words

BODY_LIMIT_BYTES = 16 * 1024
"""What is read of an answer that is no success; the service's own errors have a few hundred bytes,
EC2's refusals with an encoded authorization message a few thousand."""

_MESSAGE_LIMIT_CHARS = 500
"""The longest message seen has 180."""

_NAME_LIMIT_CHARS = 200
"""Codes, Reasons and request ids have at most 50."""

_DATE_LIMIT_CHARS = 64
"""An HTTP date has 29."""

_SECRETIVE = ("The Canonical String", "The String-to-Sign")
"""AWS explains a wrong signature by printing what was signed, the session token included."""

_XML_FIELDS = {
    "Code": "Code",
    "Message": "Message",
    "RequestID": "RequestId",  # EC2's
    "RequestId": "RequestId",  # STS's
}

_UNSEEN = ("script", "style")
"""Elements of HTML whose content nobody is to read."""


def error_of_answer(
    operation: str,
    http_status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    region: str,
    snapshot_id: str | None = None,
    block_index: int | None = None,
    kms_key: str | None = None,
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
        kms_key: The snapshot's key, where it is known.
    """
    fields = _fields(body)
    code = plain_name(_code(headers, fields))
    reason = plain_name(fields.get("Reason"))
    message = fields.get("Message") or fields.get("message") or _text(body)
    if 300 <= http_status < 400:
        message = redirect_text(headers.get("Location"))
    failure = classify(http_status, code, reason, message, operation)
    return ServiceError(
        operation,
        failure,
        plain_message(message) or "an answer without a message",
        advice=advice(operation, failure, region=region, kms_key=kms_key, code=code),
        snapshot_id=snapshot_id,
        block_index=block_index,
        http_status=http_status,
        code=code,
        reason=reason,
        request_id=plain_name(headers.get("x-amzn-RequestId") or fields.get("RequestId")),
        server_unix_s=server_time(headers.get("Date")),
    )


def plain_message(message: str) -> str:
    """Return ``message`` on one line, of bounded length, without what the request contained."""
    text = message[:BODY_LIMIT_BYTES]
    for secretive in _SECRETIVE:
        text = text.partition(secretive)[0]
    return plain_words(text, _MESSAGE_LIMIT_CHARS)


def plain_name(name: object) -> str | None:
    """Return a code or an id of an answer as it may be printed; None of what is none."""
    if not isinstance(name, str):
        return None
    return plain_words(name[:BODY_LIMIT_BYTES], _NAME_LIMIT_CHARS) or None


def redirect_text(location: str | None) -> str:
    """Return what to report of a redirect: no signed request follows one."""
    try:
        host = urlsplit((location or "")[:_NAME_LIMIT_CHARS]).netloc.rpartition("@")[2]
    except ValueError:
        host = ""
    where = f" to {host}" if host else ""
    return f"a redirect{where}, and requests that carry a signature follow none"


def server_time(date: str | None) -> float | None:
    """Return the seconds since 1970 of a Date header; None if there is none that can be read."""
    if not date or len(date) > _DATE_LIMIT_CHARS:
        return None
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError, TypeError):
        return None


def _fields(body: bytes) -> dict[str, str]:
    if body[:64].lstrip().startswith(b"<"):
        return _xml_fields(body)
    try:
        parsed: Any = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(parsed, dict):
        return {}
    nested = parsed.get("Error") or parsed.get("error")
    if isinstance(nested, dict):
        parsed |= nested
    return {str(name): value for name, value in parsed.items() if isinstance(value, str)}


def _xml_fields(body: bytes) -> dict[str, str]:
    """Return what the first Error of a query service's refusal says, and its request's id."""
    if b"<!DOCTYPE" in body:  # of a web page: entities can be made to grow
        return {}
    try:
        root = ET.fromstring(body)  # noqa: S314 - without a document type there are no entities
    except (ET.ParseError, ValueError, LookupError):
        return {}
    fields: dict[str, str] = {}
    for element in root.iter():
        name = element.tag.rpartition("}")[2]
        if name in _XML_FIELDS:
            fields.setdefault(_XML_FIELDS[name], element.text or "")
    return fields


def _code(headers: Mapping[str, str], fields: Mapping[str, str]) -> str | None:
    """Return the error's code, without namespace and URL."""
    found = headers.get("x-amzn-ErrorType") or _first(fields, "__type", "code", "Code")
    return found.partition(":")[0].rpartition("#")[2].strip() or None


def _first(fields: Mapping[str, str], *names: str) -> str:
    return next((fields[name] for name in names if fields.get(name)), "")


def _text(body: bytes) -> str:
    """Return the words of a body that is no JSON object: HTML of a proxy, half an answer."""
    return _without_tags(body[:BODY_LIMIT_BYTES].decode("utf-8", "replace"))


def _without_tags(text: str) -> str:
    """Return what HTML shows, in one pass: every search begins where the last one ended."""
    pieces, at = [], 0
    lowered = text.lower()
    while (start := text.find("<", at)) >= 0:
        pieces.append(text[at:start])
        end = text.find(">", start)
        if end < 0:
            return " ".join((*pieces, text[start:]))
        at = end + 1
        name = lowered[start + 1 : start + 8]
        unseen = next((each for each in _UNSEEN if name.startswith(each)), None)
        if unseen is not None:
            closing = lowered.find(f"</{unseen}", at)
            at = len(text) if closing < 0 else closing
    return " ".join((*pieces, text[at:]))
