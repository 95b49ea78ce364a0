"""Which hosts a server may be listening on and be addressed by.

Owns what counts as this machine alone, and as a name that nobody else's DNS decides about. Pure.
"""

import functools
import ipaddress

_LOCAL_NAME = "localhost"
"""With everything below it, never looked up in the DNS (RFC 6761, section 6.3)."""


def is_loopback(host: str) -> bool:
    """Return whether nobody but this machine reaches what listens on ``host``."""
    address = _address(host)
    return _is_local_name(host) if address is None else address.is_loopback


@functools.lru_cache(maxsize=64)
def is_trusted(host_header: str, listens_on: str) -> bool:
    """Return whether a Host header can only come from somebody who meant this server.

    A web page reaches a server on its reader's machine under a name of its own, which its DNS
    leads there after the page was loaded. An address, a local name and the name that the server was
    started with cannot be led anywhere.
    """
    host = _without_port(host_header)
    return _address(host) is not None or _is_local_name(host) or host == listens_on.lower()


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_local_name(host: str) -> bool:
    return f".{host.lower().removesuffix('.')}".endswith(f".{_LOCAL_NAME}")


def _without_port(host_header: str) -> str:
    if host_header.startswith("["):
        host, _, port = host_header[1:].partition("]")
        return host.lower() if not port or port.startswith(":") else host_header
    return host_header.partition(":")[0].lower()
