"""Whether a host can only be this machine, without asking a resolver. Pure."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Return whether ``host`` can only be this machine (RFC 6761 for the names)."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
