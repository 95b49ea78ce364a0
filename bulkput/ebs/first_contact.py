"""What it means when nothing of a run has been answered yet: often a mistake, seldom an outage.

A name, a port, a proxy, a scheme that is wrong stays wrong however long one waits, so these
failures are repeated for seconds only (``UNREACHABLE``, ``NO_SUCH_HOST``), and their sentence
names what to look at. Pure.
"""

import socket
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlsplit

from bulkput.ebs.error_response import BODY_LIMIT_BYTES, error_of_answer
from bulkput.ebs.partitions import is_aws_host, is_known_region, nearest_region
from bulkput.model.errors import ConfigError, CredentialsError, Problem
from bulkput.model.failure import FailureClass
from bulkput.network.causes import causes
from bulkput.network.late_trust import aiohttp
from bulkput.network.proxy import shown_proxy

_NO_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})
"""The resolver is sure; EAI_AGAIN is one that does not answer."""

_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")
"""OpenSSL's names of bytes that are no TLS, by version."""

_TLS_ALERT = "\\x15\\x03"
"""How an alert of TLS begins (RFC 8446, 5.1), as Python shows bytes that are no HTTP."""

_PLAIN_TO_TLS = ("plain http request", "http request to an https server", "plain http to an ssl")
"""nginx, Go and Apache, answering 400 to http at a TLS port."""

_PASSING = frozenset({407, 408, 425, 429})
"""A proxy's refusal, which has its own words, and what asks for another try."""


class FirstFailure(NamedTuple):
    """What a first attempt met."""

    failure: FailureClass
    what: str
    """Empty where the failure's usual words do."""
    advice: str


def error_of_first_contact(
    error: BaseException, *, url: str, region: str, is_connecting: bool
) -> FirstFailure | ConfigError | None:
    """Return what ``error`` means before the first answer; None if it may pass as any other.

    Args:
        error: What aiohttp or the socket raised.
        url: Whom it was to reach.
        region: The Region that was meant.
        is_connecting: Whether there was no connection yet.
    """
    host, proxy = urlsplit(url).netloc, shown_proxy(url)
    peer = f"the proxy {proxy}" if proxy else host
    if isinstance(error, aiohttp.ClientHttpProxyError):
        what = f"the proxy {proxy} answered {error.status} instead of opening the way to {host}"
        return FirstFailure(
            FailureClass.UNREACHABLE, what, "Check that HTTPS_PROXY names a proxy for https"
        )
    for each in causes(error):
        if isinstance(each, socket.gaierror):
            return _unresolved(each, urlsplit(url).hostname or "", proxy, region)
        if isinstance(each, ssl.SSLError) and any(name in str(each) for name in _NO_TLS):
            expected = f"expected a server that speaks TLS at {peer}: what answers there does not"
            return ConfigError((Problem("endpoint", f"{expected} (http:// or another port?)"),))
        if isinstance(each, aiohttp.http.HttpProcessingError) and _TLS_ALERT in str(each):
            return speaks_tls(host)
    if isinstance(error, aiohttp.ServerDisconnectedError) and url.startswith("http:"):
        what = f"{peer}: the connection was closed before an answer"
        return FirstFailure(
            FailureClass.UNREACHABLE, what, "Check the port, and whether it is one for https://"
        )
    if is_connecting or isinstance(error, aiohttp.ClientConnectorError | ConnectionError):
        return FirstFailure(FailureClass.UNREACHABLE, "", _unconnected(host, proxy))
    return None


def error_of_foreign_answer(
    origin: str, http_status: int, headers: Mapping[str, str], body: bytes
) -> ConfigError | CredentialsError | None:
    """Return what a first answer means that no AWS service gives; None of what may be one's.

    Every refusal of AWS names its code: EBS in a header, EC2 and STS in XML. Without one, a web
    server, a gateway or a portal stands where the service was expected.

    Args:
        origin: Who answered: scheme, host and port.
        http_status: The status.
        headers: The answer's headers; look-ups must not regard case.
        body: Its body.
    """
    if not 300 <= http_status < 500 or http_status in _PASSING:
        return None
    seen = error_of_answer("", http_status, headers, body[:BODY_LIMIT_BYTES], region="")
    if seen.code is not None or b"<Code>" in body:
        return None
    if is_complaint_of_plain_http(http_status, seen.what):
        return speaks_tls(urlsplit(origin).netloc)
    name = str(http_status)
    if http_status in HTTPStatus.__members__.values():
        name = f"{http_status} {HTTPStatus(http_status).phrase}"
    what = f"{name}: {seen.what}"
    if http_status in {401, 403}:
        return CredentialsError(
            f"{origin} refused ({what}), and the answer is no AWS service's: check the endpoint, "
            "and whether a gateway, firewall or portal on the way wants a login"
        )
    expected = f"expected the AWS API at {origin}: what answers there does not speak it ({what})"
    return ConfigError((Problem("endpoint", expected),))


def speaks_tls(host: str) -> ConfigError:
    """Return the error of a TLS port that is spoken to in plain http."""
    return ConfigError((Problem("endpoint", f"expected https://{host}: the server speaks TLS"),))


def is_complaint_of_plain_http(http_status: int, message: str) -> bool:
    """Return whether a server refuses http because it expects TLS."""
    return http_status == 400 and any(words in message.lower() for words in _PLAIN_TO_TLS)


def _unresolved(error: socket.gaierror, name: str, proxy: str, region: str) -> FirstFailure:
    if proxy:
        what = f"the name of the proxy {proxy} cannot be resolved"
        remedy = "Correct HTTPS_PROXY, or check this machine's DNS"
    else:
        what = f"the name {name} cannot be resolved"
        remedy = "Check the endpoint's name (--endpoint, AWS_ENDPOINT_URL) and this machine's DNS"
    is_odd_region = bool(region) and not proxy and is_aws_host(name) and not is_known_region(region)
    if is_odd_region:
        nearest = nearest_region(region)
        maybe = f": is {nearest} meant?" if nearest else ""
        remedy = (
            f"{region} is no Region that this version of botocore knows{maybe or '.'} Correct the "
            "Region, or check this machine's DNS"
        )
    elif not proxy and is_aws_host(name):
        remedy = f"Check this machine's DNS, and whether EBS is offered in {region}"
    is_sure = error.errno in _NO_NAME or is_odd_region
    failure = FailureClass.NO_SUCH_HOST if is_sure else FailureClass.UNREACHABLE
    return FirstFailure(failure, f"{what} ({error.strerror or error.errno})", remedy)


def _unconnected(host: str, proxy: str) -> str:
    if proxy:
        return f"Check that the proxy {proxy} (HTTPS_PROXY) is up and may be reached"
    return (
        f"Check the endpoint {host} and its port, routes and firewalls on the way, and whether a "
        "proxy is needed (HTTPS_PROXY)"
    )
