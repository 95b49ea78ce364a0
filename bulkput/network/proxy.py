"""Which proxy lies between, for every client alike: EBS, EC2, STS, S3, https sources, metadata.

As the AWS CLI decides it: HTTPS_PROXY, HTTP_PROXY, NO_PROXY and their lower-case forms, a URL or
``host:port``. Knows no client; a refusal is read from whatever exception a client raised.
"""

import base64
import os
import re
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

from bulkput.model.errors import ConfigError, Problem
from bulkput.model.host import is_loopback
from bulkput.network.causes import causes

_METADATA_HOSTS = frozenset({"169.254.169.254", "169.254.170.2", "169.254.170.23"}) | frozenset(
    {"fd00:ec2::254", "fd00:ec2::23"}
)
"""The instance's and the containers' metadata: link-local, no proxy could reach the right one."""

REFUSALS = frozenset({401, 403, 407})
"""What a proxy answers who wants a password, or forbids the host. Asked again and again, it locks
the account."""

_TUNNEL_STATUS = re.compile(r"Tunnel connection failed: (\d{3})\b")
"""How Python's http.client names the answer to CONNECT, and with it urllib3 and botocore."""


_PORTS = {"http": 80, "https": 443}


class Proxy(NamedTuple):
    """A proxy's address, and who asks."""

    url: str
    """Without user and password."""
    authorization: str | None
    """The value of Proxy-Authorization."""


def proxy_url(url: str) -> str | None:
    """Return the proxy's URL for ``url``, user and password included; None for none.

    None for a server on this machine and for the metadata services, whatever the environment has:
    no proxy could reach them.

    Raises:
        ConfigError: it is no http or https URL; the message does not repeat it.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if is_loopback(host) or host in _METADATA_HOSTS or _is_exempt(parts):
        return None
    found = getproxies().get(parts.scheme)
    return _checked(found, parts.scheme) if found else None


def proxy_for(url: str) -> Proxy | None:
    """Return the proxy for ``url`` with its credentials apart, for clients that want them so.

    Raises:
        ConfigError: as ``proxy_url``.
    """
    found = proxy_url(url)
    return None if found is None else without_credentials(found)


def without_credentials(proxy: str) -> Proxy:
    """Take a proxy's URL apart: the clients' own ways take no or other letters than ASCII's."""
    parts = urlsplit(proxy)
    authorization = None
    if parts.username is not None:
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(user.encode()).decode()
    netloc = parts.netloc.rpartition("@")[2]
    return Proxy(urlunsplit((parts.scheme, netloc, parts.path, "", "")), authorization)


def shown_proxy(url: str) -> str:
    """Return the name and port of the proxy for ``url``, for messages; empty for none."""
    found = proxy_url(url)
    return "" if found is None else urlsplit(found).netloc.rpartition("@")[2]


def refused_status(error: BaseException) -> int | None:
    """Return the status that a proxy answered CONNECT with; None for other failures."""
    for each in causes(error):
        status = getattr(each, "status", None)
        if isinstance(status, int) and "Proxy" in type(each).__name__:
            return status
        found = _TUNNEL_STATUS.search(str(each))
        if found is not None:
            return int(found[1])
    return None


def refusal(status: int, host: str, proxy: str = "") -> tuple[str, str]:
    """Return what a proxy's answer means, and what to do: two sentences without their full stops.

    Args:
        status: One of ``REFUSALS``.
        host: Where the way was to lead.
        proxy: The proxy's name and port, where it is known.
    """
    name = f"{status} {HTTPStatus(status).phrase}"
    who = f"the proxy {proxy}" if proxy else "the proxy"
    if status == HTTPStatus.FORBIDDEN:
        remedy = "Let the proxy allow this host, or name the host in NO_PROXY to go without it"
    else:
        remedy = (
            "Give user and password in HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT (special "
            "characters percent-encoded), or name the host in NO_PROXY to go without it"
        )
    return f"{who} refused the way to {host} ({name})", remedy


def _is_exempt(parts: SplitResult) -> bool:
    """Return whether NO_PROXY names the host: with its port or without, an IPv6 one bare too."""
    host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
    named = f"[{host}]" if ":" in host else host
    return any(proxy_bypass(each) for each in (host, named, f"{named}:{port}"))


def _checked(found: str, scheme: str) -> str:
    url = found if "://" in found else f"http://{found.removeprefix('//')}"
    try:
        parts = urlsplit(url)
        is_web = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        # RFC 7617, 2: a user's name with a colon cannot be sent.
        usable = is_web and ":" not in unquote(parts.username or "")
    except ValueError:
        usable = False
    if not usable:
        name = next(
            (
                each
                for each in (f"{scheme}_proxy", f"{scheme.upper()}_PROXY")
                if os.environ.get(each)
            ),
            f"{scheme.upper()}_PROXY",
        )
        expected = "expected a URL that begins with http:// or https://, or HOST:PORT"
        raise ConfigError((Problem(name, expected),))
    return urlunsplit(parts)  # its scheme in lower case, by which botocore knows a URL
