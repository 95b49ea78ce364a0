"""Connections to web servers: trust and proxies as for the service, one attempt a request.

Owns urllib3, which comes with botocore; its own repetition and redirects are switched off. Decides
what a request without an answer means.
"""

import contextlib
import socket
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError, LocationParseError

from bulkput.model.errors import BulkputError, CredentialsError, SourceError
from bulkput.network.causes import local_shortage
from bulkput.network.proxy import REFUSALS, Proxy, proxy_for, refusal, refused_status, shown_proxy
from bulkput.network.refusals import known_refusals
from bulkput.network.tls import web_context
from bulkput.source.remote.response_head import bound_response_heads
from bulkput.source.remote.unreached import UnreachedError, error_without_answer

_TIMEOUT = urllib3.Timeout(connect=10, read=20)
"""Without a byte for so long, an attempt is given up: as long as a whole put has, and so short that
who never answers is known within half a minute."""

_CONNECTIONS_MAX = 64
"""As many as threads may be configured to read."""


class Connections:
    """Pools, one for each proxy; may be used from any thread."""

    def __init__(self, shown: str, profile: str | None) -> None:
        """Open nothing yet.

        Args:
            shown: The disk's address, for messages.
            profile: Of the AWS configuration, which may name authorities.
        """
        self._shown = shown
        self._profile = profile
        self._pools: dict[Proxy | None, urllib3.PoolManager] = {}

    def request(self, url: str, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        """Send one GET and return what is answered, a redirect too.

        Raises:
            UnreachedError: no answer; another attempt may have one.
            SourceError: none will.
            CredentialsError: a proxy refuses.
            ConfigError: the server is not trusted, or the environment's proxy or authorities cannot
                be used.
        """
        with known_refusals.asking(url) as refused:
            if refused is not None:
                raise self._refusal(url, refused)
            return self._ask(url, headers)

    def _ask(self, url: str, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
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
            raise SourceError(self._shown, "redirects to something that is not a URL") from error
        except HTTPError as error:
            raise self._failure(url, error) from error
        if response.status == 407:
            response.close()
            known_refusals.note(url, response.status)
            raise self._refusal(url, response.status)
        return response

    def close(self) -> None:
        """Give up all connections."""
        for pool in self._pools.values():
            pool.clear()

    def _pool(self, url: str) -> urllib3.PoolManager:
        proxy = proxy_for(url)
        if proxy not in self._pools:
            options: dict[str, Any] = {
                "maxsize": _CONNECTIONS_MAX,
                "ssl_context": web_context(self._profile),
            }
            if proxy is None:
                self._pools[proxy] = urllib3.PoolManager(**options)
            else:
                asker = {"Proxy-Authorization": proxy.authorization} if proxy.authorization else {}
                self._pools[proxy] = urllib3.ProxyManager(
                    proxy.url,
                    proxy_headers=asker,
                    proxy_ssl_context=options["ssl_context"],
                    **options,
                )
            bound_response_heads(self._pools[proxy])
        return self._pools[proxy]

    def _failure(self, url: str, error: HTTPError) -> BulkputError | UnreachedError:
        status = refused_status(error)
        if status in REFUSALS:
            known_refusals.note(url, status)
            return self._refusal(url, status)
        short = local_shortage(error, f"{self._shown}: cannot be reached")
        if short is not None:
            return short
        return error_without_answer(error, shown=self._shown, url=url)

    def _refusal(self, url: str, status: int) -> CredentialsError:
        host = urlsplit(url).netloc
        what, remedy = refusal(status, host, shown_proxy(url))
        return CredentialsError(f"{self._shown}: {what}. {remedy}")


def interrupt(response: Any) -> None:
    """End an answer that another thread reads: it meets the end at once.

    Neither urllib3 nor botocore hands the socket out; a test holds the names on the way to it.
    """
    with contextlib.suppress(AttributeError, OSError):  # it has ended by itself
        found = response._fp.fp.raw._sock  # noqa: SLF001
        socket.socket.shutdown(found, socket.SHUT_RDWR)  # of TLS too, whose reader finds the end
