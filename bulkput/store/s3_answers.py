"""S3's answers in XML, read in bounded time: what a refusal says, and what a list has.

Pure. No parser of XML: the few elements have no attributes and do not nest, and what has entities
of its own is no answer of S3's.
"""

import re
from collections.abc import Iterator, Mapping
from html import unescape
from typing import NamedTuple

from bulkput.ebs.classify import classify
from bulkput.ebs.error_response import plain_message, plain_name, server_time
from bulkput.ebs.http_response import HttpResponse
from bulkput.model.errors import ServiceError
from bulkput.model.failure import FailureClass

_ITEM_START, _ITEM_STOP = "<Contents>", "</Contents>"
_ITEM_MAX_CHARS = 8192
"""A key of 1024 bytes, every one of them escaped."""

_SIZE = re.compile(r"[0-9]{1,20}")
_REGION = re.compile(r"[a-z]{2,8}(-[a-z]+)+-[0-9]{1,2}")
"""Nothing else may come into a host's name."""

_ADVICE: Mapping[FailureClass, str] = {
    FailureClass.ACCESS_DENIED: "Allow s3:GetObject, s3:PutObject, s3:DeleteObject and "
    "s3:ListBucket on the bucket and the prefix (`bulkput init iam/state-store`)",
    FailureClass.SIGNATURE: "Check that the credentials are valid and the clock is right (NTP)",
}


class Page(NamedTuple):
    """One page of a list."""

    items: tuple[tuple[str, int, str], ...]
    """Key, size in bytes, time of the last change as ISO 8601."""
    next_token: str | None


def error_code(answer: HttpResponse) -> str | None:
    """Return the code of a refusal, as ``NoSuchKey``; None where it has none."""
    return plain_name(_element("Code", _text(answer)))


def error_of(operation: str, answer: HttpResponse, key: str) -> ServiceError:
    """Return what a refusal means.

    Args:
        operation: As ``PutObject``.
        answer: No success.
        key: Of the object that was asked for.
    """
    text = _text(answer)
    code = plain_name(_element("Code", text))
    message = plain_message(_element("Message", text) or "")
    failure = classify(answer.status, code, None, message, operation)
    return ServiceError(
        operation,
        failure,
        f"{key}: {message or 'an answer without a message'}",
        advice=_ADVICE.get(failure, ""),
        http_status=answer.status,
        code=code,
        request_id=plain_name(answer.headers.get("x-amz-request-id")),
        server_unix_s=server_time(answer.headers.get("Date")),
    )


def other_region(answer: HttpResponse) -> str | None:
    """Return the Region where the bucket is, if the answer says that it is elsewhere."""
    if answer.status not in {301, 307, 400}:
        return None
    found = answer.headers.get("x-amz-bucket-region") or _element("Region", _text(answer)) or ""
    return found if _REGION.fullmatch(found) else None


def page_of(body: bytes) -> Page:
    """Return what ListObjectsV2 answered.

    Raises:
        ValueError: it is no such answer.
    """
    text = body.decode("utf-8", "replace")
    if "<ListBucketResult" not in text[:1024] or "</ListBucketResult>" not in text[-256:]:
        raise ValueError("an answer that is no list")
    items = []
    for item in _items(text):
        key, size = _element("Key", item), _element("Size", item)
        if key is None or size is None or not _SIZE.fullmatch(size):
            raise ValueError("an answer that lists what is no object")
        items.append((key, int(size), _element("LastModified", item) or ""))
    is_cut = _element("IsTruncated", text) == "true"
    token = _element("NextContinuationToken", text) if is_cut else None
    if is_cut and not token:
        raise ValueError("a list that goes on, and does not say where")
    return Page(tuple(items), token)


def _items(text: str) -> Iterator[str]:
    """Yield the content of each item; each search begins where the last one ended."""
    at = 0
    while (start := text.find(_ITEM_START, at)) >= 0:
        start += len(_ITEM_START)
        at = text.find(_ITEM_STOP, start, start + _ITEM_MAX_CHARS)
        if at < 0:
            raise ValueError("an answer that lists what is no object")
        yield text[start:at]


def _text(answer: HttpResponse) -> str:
    return answer.body.decode("utf-8", "replace")


def _element(name: str, text: str) -> str | None:
    """Return the content of the first element of that name; None if there is none."""
    start = text.find(f"<{name}>")
    if start < 0:
        return None
    start += len(name) + 2
    stop = text.find(f"</{name}>", start)
    if stop < 0:
        return None
    try:
        return unescape(text[start:stop])
    except ValueError:  # the number of a character, of thousands of digits
        return None
