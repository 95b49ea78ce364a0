"""Ranges over https, or http to this machine: of one address, found through redirects. One attempt.

A redirector may name another mirror each time, and mirrors have validators of their own. So ranges
are asked of the address that the first answer came from; where that fails, or dies in the middle of
an answer, the redirector is asked anew, and another mirror is taken only if what can be compared
with the first one is equal.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import quote, urljoin

import urllib3
from urllib3.exceptions import HTTPError

from bulkput.model.address import is_clear_text, parse_address, plain_address
from bulkput.model.errors import ConfigError, CredentialsError, SourceError
from bulkput.source.remote.connections import Connections, interrupt
from bulkput.source.remote.transport import (
    ChangedError,
    PassingError,
    RangeResponse,
    Version,
    changed,
    no_ranges,
    refuse,
    total_bytes,
)
from bulkput.source.remote.unreached import describe

_REDIRECTS_MAX = 5
"""curl's default is 50, browsers' 20; storage services use one."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})

_FINAL = (SourceError, CredentialsError, ConfigError)
"""What one server's failure is that no other attempt mends; another server may do."""

_MIRRORS_MAX = 3
"""Tries of a redirector whose mirrors have not what it promises: one that lags behind is usual."""


_LOCATION_SAFE = "%!#$&'()*+,/:;=?@[]~"
"""What RFC 3986 lets stand in a URL; some servers send blanks and UTF-8, which clients encode."""


class _MovedError(SourceError):
    """A server that gave ranges redirects to another one now."""


class _Origin(NamedTuple):
    """Where ranges come from, and what that server calls the disk's version."""

    url: str
    version: Version


class HttpTransport:
    """Asks one URL for ranges."""

    def __init__(self, url: str, *, allow_insecure_http: bool, profile: str | None = None) -> None:
        address = parse_address(url)
        self.shown, self.shown_names_all = address.shown, address.shown_names_all
        self._url = url
        self._allow_insecure_http = allow_insecure_http
        self._connections = Connections(self.shown, profile)
        self._origin: _Origin | None = None
        self._is_in_doubt = False
        """An answer of the origin ended before its end."""

    def get(self, start: int, stop: int, version: Version | None) -> RangeResponse:
        origin = self._origin
        if version is None or origin is None:
            return self._found_anew(start, stop, None)
        if self._is_in_doubt and origin.url != self._url:
            self._is_in_doubt = False  # one thread asks, and where there is no other this one stays
            replacement = self._replacement(start, stop, version)
            if replacement is not None:
                return replacement
        try:
            response = self._connections.request(origin.url, _headers(start, stop, origin.version))
            answer = self._answer(response, start, stop)
        except (PassingError, *_FINAL) as error:
            has_moved = origin.url != self._url or isinstance(error, _MovedError)
            if isinstance(error, ChangedError) or not has_moved:
                raise
            return self._elsewhere(start, stop, version, error)
        if answer.version != origin.version:
            answer.close()
            raise changed(self.shown)
        return self._of(answer, version)

    def close(self) -> None:
        self._connections.close()

    def _elsewhere(
        self, start: int, stop: int, version: Version, failure: Exception
    ) -> "_HttpAnswer":
        """Ask the redirector anew, after the address that was kept to has failed."""
        answer = self._found_anew(start, stop, version)
        if is_same_disk(version, answer.version):
            return self._of(answer, version)
        answer.close()
        what = f"its server fails ({failure}), and another one has another version"
        if isinstance(failure, PassingError):
            raise PassingError(what) from failure
        raise SourceError(self.shown, f"{what}: name one mirror's address instead") from failure

    def _replacement(self, start: int, stop: int, version: Version) -> "_HttpAnswer | None":
        """Return an equal mirror's answer, if the redirector has one now."""
        try:
            answer = self._found_anew(start, stop, version)
        except (PassingError, *_FINAL):
            return None
        if is_same_disk(version, answer.version):
            return self._of(answer, version)
        answer.close()
        return None

    def _of(self, answer: "_HttpAnswer", version: Version) -> "_HttpAnswer":
        """Return a mirror's answer as one of the version that the disk was opened as."""
        return _HttpAnswer(answer.response, version, self._doubt)

    def _doubt(self) -> None:
        self._is_in_doubt = True

    def _found_anew(self, start: int, stop: int, version: Version | None) -> "_HttpAnswer":
        """Follow redirects to an answer, and keep to where it came from."""
        for tries_left in reversed(range(_MIRRORS_MAX)):
            ways = [self._url]
            try:
                response = self._follow(ways, _headers(start, stop, None))
                answer = self._answer(response, start, stop)
            except _FINAL:
                if ways == [self._url] or not tries_left:
                    raise
                continue  # the redirector may name a better one
            if version is None or is_same_disk(version, answer.version):
                self._origin = _Origin(ways[-1], answer.version)
            return answer
        raise AssertionError  # the last try returns or raises

    def _follow(self, ways: list[str], headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        """Return the answer at the end of the redirects from ``ways[0]``; adds each to ``ways``."""
        for _ in range(_REDIRECTS_MAX + 1):
            url = ways[-1]
            response = self._connections.request(url, headers)
            if response.status not in _REDIRECTS:
                return response
            # The bytes of a header reach Python as Latin-1.
            location = response.headers.get("Location", "").encode("latin-1", "replace")
            response.close()
            ways.append(plain_address(urljoin(url, quote(location, safe=_LOCATION_SAFE))))
            self._require_allowed(url, ways[-1])
        raise SourceError(self.shown, f"redirects more than {_REDIRECTS_MAX} times")

    def _require_allowed(self, url: str, target: str) -> None:
        try:
            address = parse_address(target)
        except ValueError as error:
            raise SourceError(
                self.shown, "redirects to something that is not the URL of a disk"
            ) from error
        is_downward = url.startswith("https:") and address.scheme != "https"
        if (
            address.scheme == "s3"
            or is_downward
            or (is_clear_text(address) and not self._allow_insecure_http)
        ):
            raise SourceError(self.shown, f"redirects to {address.shown}, which is not encrypted")

    def _answer(self, response: urllib3.BaseHTTPResponse, start: int, stop: int) -> "_HttpAnswer":
        try:
            version = self._version(response, start, stop)
            return _HttpAnswer(response, version, self._doubt)
        except BaseException:
            response.close()
            raise

    def _version(self, response: urllib3.BaseHTTPResponse, start: int, stop: int) -> Version:
        status = response.status
        if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            what = "is empty, or became shorter"
            raise SourceError(self.shown, what)
        if status in _REDIRECTS:
            raise _MovedError(self.shown, "redirects to another address than at first")
        if status == HTTPStatus.OK:
            raise no_ranges(self.shown)
        if status != HTTPStatus.PARTIAL_CONTENT:
            refuse(self.shown, status, "")
        headers = response.headers
        size_bytes = total_bytes(headers.get("Content-Range"), start, stop)
        if size_bytes is None:
            raise no_ranges(self.shown)
        encoding = headers.get("Content-Encoding", "identity").strip().lower()
        return Version(
            size_bytes,
            headers.get("ETag"),
            headers.get("Last-Modified"),
            encoding=None if encoding in {"", "identity"} else encoding,
        )


class _HttpAnswer:
    def __init__(
        self, response: urllib3.BaseHTTPResponse, version: Version, doubt: Callable[[], None]
    ) -> None:
        self.version = version
        self.response = response
        self._doubt = doubt

    def read(self, length_max_bytes: int) -> bytes:
        try:
            return self.response.read(length_max_bytes)
        except (HTTPError, OSError, ValueError) as error:  # the last of a chunk's negative size
            self._doubt()
            raise PassingError(describe(error)) from error

    def interrupt(self) -> None:
        self._doubt()
        interrupt(self.response)

    def close(self) -> None:
        # A connection with something left to read is of no use to anybody else; of an answer in
        # chunks nobody knows.
        if self.response.length_remaining == 0:
            self.response.release_conn()
        else:
            self.response.close()


def is_same_disk(first: Version, other: Version) -> bool:
    """Return whether two servers give the same disk, as far as they can be compared.

    Lengths must be equal, and a strong ETag or the date of the last change: servers make their
    ETags in ways of their own, so a different one proves nothing while the dates agree.
    """
    if first.size_bytes != other.size_bytes:
        return False
    if first.is_strong and first.etag == other.etag:
        return True
    return first.modified is not None and first.modified == other.modified


def _headers(start: int, stop: int, version: Version | None) -> dict[str, str]:
    headers = {"Range": f"bytes={start}-{stop - 1}", "Accept-Encoding": "identity"}
    if version is not None and version.is_strong and version.etag is not None:
        headers["If-Match"] = version.etag
    return headers
