"""Why a peer cannot be reached or trusted, and what to look at: words for every client alike.

Knows no client and no request. Pure.
"""

import socket
import ssl
from typing import NamedTuple

from bulkput.network.partitions import is_aws_host, is_known_region, nearest_region, region_in

_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")
"""OpenSSL's names of bytes that are no TLS, by version."""

_NO_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})
"""The resolver is sure; EAI_AGAIN is one that does not answer."""

_NOT_YET_VALID, _EXPIRED, _OTHER_NAME, _OTHER_ADDRESS = 9, 10, 62, 64
"""OpenSSL's X509_V_ERR_: of a certificate's time and names (openssl-verification-options)."""

_RENEW = "renew the certificate, or set this machine's clock"
OTHER_NAME = "use a name that the certificate has"
_REMEDIES = {
    _NOT_YET_VALID: _RENEW,
    _EXPIRED: _RENEW,
    _OTHER_NAME: OTHER_NAME,
    _OTHER_ADDRESS: OTHER_NAME,
}


class Unresolved(NamedTuple):
    """A name without an address."""

    is_sure: bool
    """There is no such name, rather than no resolver that answers."""
    what: str
    remedy: str


def unresolved(
    error: socket.gaierror, name: str, *, proxy: str, region: str, named_in: str
) -> Unresolved:
    """Return what a name that cannot be resolved means.

    Args:
        error: The resolver's.
        name: Of the host.
        proxy: The proxy's name and port; empty for none.
        region: That was meant, where the name does not show it.
        named_in: Where the user gave the name.
    """
    region = region_in(name) or region
    is_odd_region = bool(region) and not proxy and is_aws_host(name) and not is_known_region(region)
    if proxy:
        who, remedy = f"proxy {proxy}", "Correct HTTPS_PROXY, or check this machine's DNS"
    else:
        who, remedy = name, f"Check the name ({named_in}) and this machine's DNS"
    if is_odd_region:
        nearest = nearest_region(region)
        maybe = f": is {nearest} meant?" if nearest else "."
        remedy = (
            f"{region} is no Region that this version of botocore knows{maybe} Correct the "
            "Region, or check this machine's DNS"
        )
    elif not proxy and is_aws_host(name):
        remedy = f"Check this machine's DNS, and whether the service is offered in {region}"
    of = "the name of the " if proxy else "the name "
    what = f"{of}{who} cannot be resolved ({error.strerror or error.errno})"
    return Unresolved(error.errno in _NO_NAME or is_odd_region, what, remedy)


def unconnected(host: str, proxy: str, *, is_tls: bool) -> str:
    """Return what to look at where nobody answers at ``host``.

    Args:
        host: Name and port.
        proxy: The same of the proxy; empty for none.
        is_tls: It was spoken to in https.
    """
    if proxy:
        return f"Check that the proxy {proxy} (HTTPS_PROXY) is up and may be reached"
    other = "http" if is_tls else "https"
    return (
        f"Check the endpoint {host} and its port (is it one for {other}?), routes and firewalls on "
        "the way, and whether a proxy is needed (HTTPS_PROXY)"
    )


def closed_way(proxy: str, host: str, http_status: int) -> tuple[str, str]:
    """Return what happened, and what to look at, where a proxy opened no way, and refused none."""
    what = f"the proxy {proxy} answered {http_status} instead of opening the way to {host}"
    return what, "Check that HTTPS_PROXY names a proxy for https, and that it reaches the host"


def untrusted(error: ssl.SSLCertVerificationError) -> str:
    """Return why a certificate is not trusted, and what to do, without a full stop."""
    message = str(error.verify_message).rstrip(".")
    remedy = _REMEDIES.get(error.verify_code, "name its authority in AWS_CA_BUNDLE")
    return f"{message}; {remedy}"


def speaks_no_tls(error: BaseException) -> bool:
    """Return whether what came to a handshake was no TLS."""
    return isinstance(error, ssl.SSLError) and any(name in str(error) for name in _NO_TLS)
