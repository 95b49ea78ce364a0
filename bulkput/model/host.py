"""What this machine is called, and whether a host can only be it, without asking a resolver."""

import ipaddress
import socket


def is_loopback(host: str) -> bool:
    """Return whether ``host`` can only be this machine (RFC 6761 for the names)."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_name() -> str:
    """Return this machine's name."""
    return socket.gethostname()
