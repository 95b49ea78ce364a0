"""Addresses of disks that are no paths: their form, and what may be shown of them. Pure."""

import re
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from bulkput.model.host import is_loopback

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}|arn:aws[a-z-]*:s3[a-z-]*:.+")
_SIGNATURE = re.compile(
    r"(&(x-amz-|x-goog-|response-content-|(awsaccesskeyid|googleaccessid|expires|signature|policy"
    r"|key-pair-id|s[eiprtv]|spr|sks|skt|ske|skv|skoid|sktid|sig)(=|&|$))[^&]*)*",
    re.IGNORECASE,
)
"""Parameters of signed URLs: S3, CloudFront, Google Cloud Storage, and Azure's SAS."""

_LENGTH_MAX = 8192
"""Presigned URLs with a session token have about 2000 characters."""


class Address(NamedTuple):
    """Where a disk is, taken apart."""

    scheme: Literal["s3", "http", "https"]
    shown: str
    """Without the query, which may be a signature."""
    bucket: str = ""
    key: str = ""
    shown_names_all: bool = True
    """Whether what the query has besides a signature leads to no other disk."""


def is_address(text: str) -> bool:
    """Return whether ``text`` is meant to be an address, not a path."""
    return _ADDRESS.match(text) is not None


def plain_address(text: str) -> str:
    """Return an address whose scheme is in small letters, as RFC 3986 (3.1) would have it."""
    scheme, mark, rest = text.partition("://")
    return f"{scheme.lower()}{mark}{rest}"


def parse_address(text: str) -> Address:
    """Return the address.

    Raises:
        ValueError: it cannot be used; the message does not repeat it.
    """
    expected = "expected a path, s3://bucket/key or https://host/path"
    if len(text) > _LENGTH_MAX or not text.isprintable() or " " in text[:8]:
        raise ValueError(expected)
    text = plain_address(text)
    scheme, _, rest = text.partition("://")
    if scheme == "s3":
        bucket, _, key = rest.partition("/")
        if _BUCKET.fullmatch(bucket) is None or not key:
            raise ValueError("expected s3://bucket/key")
        return Address("s3", text, bucket, key)
    if scheme not in {"http", "https"}:
        raise ValueError(expected)
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port == 0 or " " in text:
        raise ValueError("expected a URL such as https://host/disk.img")
    if parts.username is not None or parts.password is not None:
        raise ValueError("expected a URL without user and password, which others could read")
    shown = f"{scheme}://{parts.netloc}{parts.path}"
    return Address(
        "https" if scheme == "https" else "http",
        shown,
        shown_names_all=_SIGNATURE.fullmatch(f"&{parts.query}" if parts.query else "") is not None,
    )


def is_clear_text(address: Address) -> bool:
    """Return whether the disk would cross a network unencrypted."""
    return address.scheme == "http" and not is_loopback(urlsplit(address.shown).hostname or "")
