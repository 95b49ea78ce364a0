"""Ranges over https, or http to this machine: of one address, found through redirects. One attempt.

A redirector may name another mirror each time, and mirrors have validators of their own. So ranges
are asked of the address that the first answer came from; where that fails the redirector is asked
anew, and another mirror is taken only if what can be compared with the first one is equal.
"""

from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urljoin

import urllib3
from urllib3.exceptions import HTTPError

from bulkput.model.address import is_clear_text, parse_address
from bulkput.model.errors import CredentialsError, SourceError
from bulkput.source.remote.connections import Connections, describe, interrupt
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

_REDIRECTS_MAX = 5
"""curl's default is 50, browsers' 20; storage services use one."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})

_MIRRORS_MAX = 3
"""Tries of a redirector whose mirrors have not what it promises: one that lags behind is usual."""


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

    def get(self, start: int, stop: int, version: Version | None) -> RangeResponse:
        origin = self._origin
        if version is None or origin is None:
            return self._found_anew(start, stop, None)
        try:
            response = self._connections.request(origin.url, _headers(start, stop, origin.version))
            answer = self._answer(response, start, stop)
        except (PassingError, SourceError, CredentialsError) as error:
            if origin.url == self._url or isinstance(error, ChangedError):
                raise
            return self._elsewhere(start, stop, version, error)
        if answer.version != origin.version:
            answer.close()
            raise changed(self.shown)
        return _HttpAnswer(answer.response, version)

    def close(self) -> None:
        self._connections.close()

    def _elsewhere(
        self, start: int, stop: int, version: Version, failure: Exception
    ) -> "_HttpAnswer":
        """Ask the redirector anew, after the address that was kept to has failed."""
        answer = self._found_anew(start, stop, version)
        if is_same_disk(version, answer.version):
            return _HttpAnswer(answer.response, version)
        answer.close()
        what = f"its server fails ({failure}), and another one has another version"
        if isinstance(failure, PassingError):
            raise PassingError(what) from failure
        raise SourceError(self.shown, f"{what}: name one mirror's address instead") from failure

    def _found_anew(self, start: int, stop: int, version: Version | None) -> "_HttpAnswer":
        """Follow redirects to an answer, and keep to where it came from."""
        for tries_left in reversed(range(_MIRRORS_MAX)):
            url, response = self._follow(_headers(start, stop, None))
            try:
                answer = self._answer(response, start, stop)
            except (SourceError, CredentialsError):
                if url == self._url or not tries_left:
                    raise
                continue  # the redirector may name a better one
            if version is None or is_same_disk(version, answer.version):
                self._origin = _Origin(url, answer.version)
            return answer
        raise AssertionError  # the last try returns or raises

    def _follow(self, headers: dict[str, str]) -> tuple[str, urllib3.BaseHTTPResponse]:
        url = self._url
        for _ in range(_REDIRECTS_MAX + 1):
            response = self._connections.request(url, headers)
            if response.status not in _REDIRECTS:
                return url, response
            target = urljoin(url, response.headers.get("Location", ""))
            response.close()
            url = self._followed(url, target)
        raise SourceError(self.shown, f"redirects more than {_REDIRECTS_MAX} times")

    def _followed(self, url: str, target: str) -> str:
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
        return target

    def _answer(self, response: urllib3.BaseHTTPResponse, start: int, stop: int) -> "_HttpAnswer":
        try:
            return _HttpAnswer(response, self._version(response, start, stop))
        except BaseException:
            response.close()
            raise

    def _version(self, response: urllib3.BaseHTTPResponse, start: int, stop: int) -> Version:
        status = response.status
        if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            what = "is empty, or became shorter"
            raise SourceError(self.shown, what)
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
    def __init__(self, response: urllib3.BaseHTTPResponse, version: Version) -> None:
        self.version = version
        self.response = response

    def read(self, length_max_bytes: int) -> bytes:
        try:
            return self.response.read(length_max_bytes)
        except (HTTPError, OSError, ValueError) as error:  # the last of a chunk's negative size
            raise PassingError(describe(error)) from error

    def interrupt(self) -> None:
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
