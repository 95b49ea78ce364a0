"""Ranges over https, or http to this machine. One attempt each; redirects are followed.

Owns the connections. urllib3 comes with botocore; its own repetition is switched off.
"""

import ssl
from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import HTTPError, LocationParseError

from bulkput.model.address import is_clear_text, parse_address
from bulkput.model.errors import SourceError
from bulkput.source.remote.transport import (
    PassingError,
    RangeResponse,
    Version,
    no_ranges,
    refuse,
    total_bytes,
)

_TIMEOUT = urllib3.Timeout(connect=10, read=30)
"""Without a byte for so long, an attempt is given up: S3's own clients wait 60 s."""

_CONNECTIONS_MAX = 64
"""As many as threads may be configured to read."""

_REDIRECTS_MAX = 5
"""curl's default is 50, browsers' 20; storage services use one."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class HttpTransport:
    """Asks one URL for ranges."""

    def __init__(self, url: str, *, allow_insecure_http: bool) -> None:
        self.shown = parse_address(url).shown
        self._url = url
        self._allow_insecure_http = allow_insecure_http
        self._pools: dict[str | None, urllib3.PoolManager] = {}

    def get(self, start: int, stop: int, version: Version | None) -> RangeResponse:
        headers = {"Range": f"bytes={start}-{stop - 1}", "Accept-Encoding": "identity"}
        if version is not None and version.is_strong and version.etag is not None:
            headers["If-Match"] = version.etag
        response = self._request(headers)
        try:
            return _HttpAnswer(response, self._version(response, start, stop))
        except BaseException:
            response.close()
            raise

    def close(self) -> None:
        for pool in self._pools.values():
            pool.clear()

    def _request(self, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        url = self._url
        for _ in range(_REDIRECTS_MAX + 1):
            try:
                response = self._pool(url).request(
                    "GET",
                    url,
                    headers=headers,
                    preload_content=False,
                    decode_content=False,
                    redirect=False,
                    retries=False,
                    timeout=_TIMEOUT,
                )
            except LocationParseError as error:
                raise SourceError(self.shown, "redirects to something that is not a URL") from error
            except HTTPError as error:
                raise self._failure(error) from error
            if response.status not in _REDIRECTS:
                return response
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

    def _version(self, response: urllib3.BaseHTTPResponse, start: int, stop: int) -> Version:
        status = response.status
        if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            what = "is empty, or became shorter"
            raise SourceError(self.shown, what)
        if status == HTTPStatus.OK:
            raise no_ranges(self.shown)
        if status != HTTPStatus.PARTIAL_CONTENT:
            refuse(self.shown, status, "")
        size_bytes = total_bytes(response.headers.get("Content-Range"), start, stop)
        if size_bytes is None or response.headers.get("Content-Encoding", "identity") != "identity":
            raise no_ranges(self.shown)
        return Version(
            size_bytes, response.headers.get("ETag"), response.headers.get("Last-Modified")
        )

    def _pool(self, url: str) -> urllib3.PoolManager:
        parts = urlsplit(url)
        proxy = None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)
        if proxy not in self._pools:
            options: dict[str, Any] = {
                "maxsize": _CONNECTIONS_MAX,
                "ssl_context": ssl.create_default_context(),
            }
            self._pools[proxy] = (
                urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)
            )
        return self._pools[proxy]

    def _failure(self, error: HTTPError) -> Exception:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ssl.SSLCertVerificationError):
                what = f"is on a server whose certificate is not valid: {cause.verify_message}"
                return SourceError(self.shown, what)
            cause = cause.__cause__ or cause.__context__
        return PassingError(_words(error))


class _HttpAnswer:
    def __init__(self, response: urllib3.BaseHTTPResponse, version: Version) -> None:
        self.version = version
        self._response = response

    def read(self, length_max_bytes: int) -> bytes:
        try:
            return self._response.read(length_max_bytes)
        except (HTTPError, OSError) as error:
            raise PassingError(_words(error)) from error

    def close(self) -> None:
        # A connection with something left to read is of no use to anybody else.
        if self._response.length_remaining:
            self._response.close()
        else:
            self._response.release_conn()


def _words(error: Exception) -> str:
    """Return what happened, without the URL that urllib3 may have put into the text."""
    return type(error).__name__.removesuffix("Error")
