"""What it means that a disk's server gave no answer: for https and S3 alike.

Knows neither client; what they raised is read by its causes. Pure.
"""

import socket
import ssl
from urllib.parse import urlsplit

from bulkput.model.errors import BulkputError, ConfigError, Problem, TemporaryError
from bulkput.network.causes import causes
from bulkput.network.proxy import refused_status, shown_proxy
from bulkput.network.unreachable import (
    OTHER_NAME,
    closed_way,
    speaks_no_tls,
    unconnected,
    unresolved,
    untrusted,
)
from bulkput.source.remote.transport import PassingError

_SENTENCES = {
    "ConnectTimeoutError": "no connection within the time limit",
    "ReadTimeoutError": "no answer within the time limit",
    "ProtocolError": "the connection was closed early, or what came is not HTTP",
    "ConnectionClosedError": "the connection was closed before an answer",
}
"""By the names of urllib3's and botocore's errors, which have no words of the system's."""


class UnreachedError(PassingError):
    """Nobody answered: before the disk was found that is a mistake rather than an outage."""

    def __init__(self, what: str, remedy: str, *, is_sure: bool = False) -> None:
        self.remedy = remedy
        self.is_sure = is_sure
        """There is no such host."""
        super().__init__(what)

    def of(self, shown: str) -> BulkputError:
        """Return what to raise where no attempt was answered."""
        if self.is_sure:
            return ConfigError((Problem("source", f"{shown}: {self}. {self.remedy}"),))
        what = f"{shown} cannot be reached: {self}. {self.remedy}. The same command resumes"
        return TemporaryError(what)


def error_without_answer(
    error: BaseException, *, shown: str, url: str, region: str = "", named_in: str = "the address"
) -> ConfigError | UnreachedError:
    """Return what to raise for an attempt without an answer.

    Args:
        error: What the client raised.
        shown: The disk's address, for messages.
        url: Whom it was to reach.
        region: That was meant.
        named_in: Where the user gave the host's name.
    """
    parts, proxy = urlsplit(url), shown_proxy(url)
    peer = proxy or parts.netloc
    status = refused_status(error)
    if status is not None:
        return UnreachedError(*closed_way(proxy, parts.netloc, status))
    for each in _with_contexts(error):
        if isinstance(each, ssl.SSLCertVerificationError):
            return _not_trusted(shown, untrusted(each))
        if type(each).__name__ == "CertificateError":  # urllib3's own look at names
            return _not_trusted(shown, f"it is of another name; {OTHER_NAME}")
        if speaks_no_tls(each):
            what = f"is on a server that does not speak TLS ({peer}): http:// or another port?"
            return ConfigError((Problem("source", f"{shown}: {what}"),))
        if isinstance(each, socket.gaierror):
            found = unresolved(
                each, parts.hostname or "", proxy=proxy, region=region, named_in=named_in
            )
            return UnreachedError(found.what, found.remedy, is_sure=found.is_sure)
    remedy = unconnected(parts.netloc, proxy, is_tls=parts.scheme == "https")
    return UnreachedError(f"{peer}: {describe(error)}", remedy)


def describe(error: BaseException) -> str:
    """Return what happened, without the URL that a client may have put into the text."""
    found = list(causes(error))
    for each in found:
        if isinstance(each, OSError) and each.strerror:
            return each.strerror
    for each in found:
        if type(each).__name__ in _SENTENCES:
            return _SENTENCES[type(each).__name__]
    return type(error).__name__.removesuffix("Error")


def _not_trusted(shown: str, why: str) -> ConfigError:
    what = f"is on a server whose certificate is not valid: {why}"
    return ConfigError((Problem("source", f"{shown}: {what}"),))


def _with_contexts(error: BaseException) -> list[BaseException]:
    """Return the causes, and what was being handled where urllib3 names none."""
    found = list(causes(error))
    each = error.__context__
    while each is not None and each not in found:
        found.append(each)
        each = each.__cause__ or each.__context__
    return found
