"""What a way to get ranges of a remote object must do: one attempt each, failures distinguished.

Owns the two kinds of failure. Who repeats attempts is the object.
"""

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import NoReturn, Protocol

from bulkput.model.errors import CredentialsError, SourceError


class PassingError(Exception):
    """An attempt failed for a reason that may pass; the text names it."""


class ChangedError(SourceError):
    """The object is not what it was when it was opened."""


_NUMBER = re.compile(r"[0-9]{1,20}")
"""What 64 bits hold; of thousands of digits Python makes no number."""

_STRONG_ETAG = re.compile(r'"[!\x23-\x7e\x80-\xff]+"')
"""RFC 9110, 8.8.3; but for the empty one, which distinguish nothing."""


@dataclass(frozen=True)
class Version:
    """Which version of an object it is, and how long."""

    size_bytes: int
    etag: str | None
    modified: str | None
    version_id: str | None = None
    encoding: str | None = None
    """The compression that the server reports, if any: ``gzip``, ``x-gzip``."""

    @property
    def is_strong(self) -> bool:
        """Whether equal versions have equal bytes, as the server promises (RFC 9110, 8.8.1)."""
        if self.version_id is not None:
            return True
        return self.etag is not None and _STRONG_ETAG.fullmatch(self.etag) is not None

    @property
    def vouches(self) -> bool:
        """Whether that can be believed.

        The ETags of nginx and Apache are made of the file's length and its time, of which nginx
        takes whole seconds, and which anybody can set back.
        """
        if self.version_id is not None or not self.is_strong or self.etag is None:
            return self.is_strong
        return f"{self.size_bytes:x}" not in self.etag.strip('"').lower().split("-")


class RangeResponse(Protocol):
    """A range under way."""

    @property
    def version(self) -> Version:
        """Of the object that it is of."""
        ...

    def read(self, length_max_bytes: int) -> bytes:
        """Return some bytes; none at the end.

        Raises:
            PassingError: the connection was cut, or is silent.
        """
        ...

    def interrupt(self) -> None:
        """End it for a thread that is reading, from another one."""
        ...

    def close(self) -> None:
        """Give the connection back, or up if something is left to read."""
        ...


class Transport(Protocol):
    """Gets ranges; may be called from any thread."""

    @property
    def shown(self) -> str:
        """The object's address, for messages and ledgers; no secret in it."""
        ...

    @property
    def shown_names_all(self) -> bool:
        """Whether one ``shown`` is one object; else what is not shown of it names it too."""
        ...

    def get(self, start: int, stop: int, version: Version | None) -> RangeResponse:
        """Ask for bytes ``start`` to ``stop``, excluded, if the object still is ``version``.

        Raises:
            PassingError: another attempt may succeed.
            SourceError: it is not there, changed, or does not give ranges.
            CredentialsError: it may not be read.
        """
        ...

    def close(self) -> None:
        """Give up all connections."""
        ...


_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""RFC 9110 and 6585; S3 answers 500 InternalError and 503 SlowDown."""


def refuse(shown: str, status: int, what: str) -> NoReturn:
    """Raise what an answer with ``status`` means.

    Args:
        shown: The object's address.
        status: No success.
        what: The server's own words, may be empty.

    Raises:
        PassingError: another attempt may succeed.
        SourceError: none will.
        CredentialsError: none will without other credentials.
    """
    try:
        name = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        name = str(status)
    cause = f"{name}: {what}" if what else name
    if status in _PASSING:
        raise PassingError(cause)
    if status == HTTPStatus.PRECONDITION_FAILED:
        raise changed(shown)
    if status == HTTPStatus.NOT_FOUND:
        raise SourceError(shown, f"does not exist ({cause})")
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise CredentialsError(
            f"{shown}: may not be read ({cause}); check the credentials (s3:GetObject), or whether "
            "the signed URL has expired"
        )
    raise SourceError(shown, f"cannot be read ({cause})")


def changed(shown: str) -> SourceError:
    """Return the error of an object that is not what it was."""
    return ChangedError(shown, "was replaced by another version while it was read; run again")


def no_ranges(shown: str) -> SourceError:
    """Return the error of a server that sends all or nothing."""
    return SourceError(
        shown,
        "is on a server that does not serve parts of it (no Range support); download it first, "
        "or pipe it: curl URL | bulkput upload - --volume-size-gib GIB",
    )


def total_bytes(content_range: str | None, start: int, stop: int) -> int | None:
    """Return the object's length from a Content-Range; None if it is not the range asked for."""
    unit, _, rest = (content_range or "").partition(" ")
    span, _, total = rest.partition("/")
    first, _, last = span.partition("-")
    numbers = (first, last, total)
    if unit != "bytes" or not all(_NUMBER.fullmatch(each) for each in numbers):
        return None
    size_bytes = int(total)
    is_asked = (int(first), int(last) + 1) == (start, min(stop, size_bytes))
    return size_bytes if is_asked else None
