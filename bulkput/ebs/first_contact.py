"""What it means when nothing of a run has been answered yet: often a mistake, seldom an outage.

A name, a port, a proxy, a scheme that is wrong stays wrong however long one waits, so these
failures are repeated for seconds only (``UNREACHABLE``, ``NO_SUCH_HOST``), and their sentence
names what to look at. Pure.
"""

import socket
from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlsplit

from bulkput.ebs.error_response import BODY_LIMIT_BYTES, error_of_answer
from bulkput.model.errors import ConfigError, CredentialsError, Problem, ServiceError
from bulkput.model.failure import FailureClass
from bulkput.network.causes import causes
from bulkput.network.late_trust import aiohttp
from bulkput.network.proxy import shown_proxy
from bulkput.network.unreachable import closed_way, speaks_no_tls, unconnected, unresolved

_TLS_ALERT = "\\x15\\x03"
"""How an alert of TLS begins (RFC 8446, 5.1), as Python shows bytes that are no HTTP."""

_PLAIN_TO_TLS = ("plain http request", "http request to an https server", "plain http to an ssl")
"""nginx, Go and Apache, answering 400 to http at a TLS port."""

NO_HTTP = "the answer is not HTTP"

_BEFORE_THE_SERVICE = (
    "Check the endpoint, and the gateway, proxy or load balancer there: it does not reach the "
    "service"
)

_GATEWAYS_OWN = frozenset({502, 503, 504})
"""Bad Gateway, Service Unavailable, Gateway Timeout (RFC 9110): whoever stands before the service
has not reached it."""

_PASSING = frozenset({407, 408, 425, 429})
"""A proxy's refusal, which has its own words, and what asks for another try."""


class FirstFailure(NamedTuple):
    """What a first attempt met."""

    failure: FailureClass
    what: str
    """Empty where the failure's usual words do."""
    advice: str


def error_of_first_contact(
    error: BaseException, *, url: str, region: str
) -> FirstFailure | ConfigError:
    """Return what ``error``, an attempt without an answer, means before the first one.

    Args:
        error: What aiohttp or the socket raised.
        url: Whom it was to reach.
        region: The Region that was meant.
    """
    host, proxy = urlsplit(url).netloc, shown_proxy(url)
    peer = f"the proxy {proxy}" if proxy else host
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return FirstFailure(FailureClass.UNREACHABLE, *closed_way(proxy, host, error.status))
    for each in causes(error):
        if isinstance(each, socket.gaierror):
            return _unresolved(each, urlsplit(url).hostname or "", proxy, region)
        if speaks_no_tls(each):
            expected = f"expected a server that speaks TLS at {peer}: what answers there does not"
            return ConfigError((Problem("endpoint", f"{expected} (http:// or another port?)"),))
        is_cut = isinstance(error, aiohttp.ClientPayloadError)
        if isinstance(each, aiohttp.http.HttpProcessingError) and not is_cut:
            return _speaks_no_http(url, proxy, each)
    remedy = unconnected(host, proxy, is_tls=url.startswith("https:"))
    return FirstFailure(FailureClass.UNREACHABLE, "", remedy)


def error_of_foreign_answer(
    origin: str, http_status: int, headers: Mapping[str, str], body: bytes
) -> ConfigError | CredentialsError | ServiceError | None:
    """Return what a first answer means that no AWS service gives; None of what may be one's.

    Every refusal of AWS names its code: EBS in a header, EC2 and STS in XML. Without one, a web
    server, a gateway or a portal stands where the service was expected.

    Args:
        origin: Who answered: scheme, host and port.
        http_status: The status.
        headers: The answer's headers; look-ups must not regard case.
        body: Its body.
    """
    is_judged = 300 <= http_status < 500 and http_status not in _PASSING
    if not is_judged and http_status not in _GATEWAYS_OWN:
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
    if http_status in _GATEWAYS_OWN:
        failed = f"{origin} answered {what}, which is no answer of an AWS service's"
        return ServiceError("", FailureClass.UNREACHABLE, failed, advice=_BEFORE_THE_SERVICE)
    if http_status in {401, 403}:
        return CredentialsError(
            f"{origin} refused ({what}), and the answer is no AWS service's: check the endpoint, "
            "and whether a gateway, firewall or portal on the way wants a login"
        )
    return speaks_no_aws(origin, what)


def speaks_no_aws(origin: str, what: str) -> ConfigError:
    """Return the error of a server that is none of AWS's.

    Args:
        origin: Who answered: scheme, host and port.
        what: Came instead of an answer.
    """
    expected = f"expected the AWS API at {origin}: what answers there does not speak it ({what})"
    return ConfigError((Problem("endpoint", expected),))


def speaks_tls(host: str) -> ConfigError:
    """Return the error of a TLS port that is spoken to in plain http."""
    return ConfigError((Problem("endpoint", f"expected https://{host}: the server speaks TLS"),))


def is_complaint_of_plain_http(http_status: int, message: str) -> bool:
    """Return whether a server refuses http because it expects TLS."""
    return http_status == 400 and any(words in message.lower() for words in _PLAIN_TO_TLS)


def _speaks_no_http(url: str, proxy: str, error: BaseException) -> ConfigError:
    if proxy:
        expected = f"expected a proxy at {proxy}: what answers there does not speak HTTP"
        return ConfigError((Problem("HTTPS_PROXY", expected),))
    return (
        speaks_tls(urlsplit(url).netloc)
        if _TLS_ALERT in str(error)
        else speaks_no_aws(url, NO_HTTP)
    )


def _unresolved(error: socket.gaierror, name: str, proxy: str, region: str) -> FirstFailure:
    named_in = "--endpoint-url, AWS_ENDPOINT_URL or that of the service"
    found = unresolved(error, name, proxy=proxy, region=region, named_in=named_in)
    failure = FailureClass.NO_SUCH_HOST if found.is_sure else FailureClass.UNREACHABLE
    return FirstFailure(failure, found.what, found.remedy)
