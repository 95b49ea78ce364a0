"""Where requests go: the rules for a URL that the user gives, and its parts.

Without a given URL and a configured one (AWS_ENDPOINT_URL_EBS, AWS_ENDPOINT_URL_EC2,
AWS_ENDPOINT_URL, profile) it is AWS's own name, by the rules that botocore has for these services;
a test holds both together.
"""

from typing import NamedTuple
from urllib.parse import urlsplit

from bulkput.model.errors import ConfigError, Problem
from bulkput.model.host import is_loopback
from bulkput.network.partitions import is_aws_host, partition_of

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Endpoint(NamedTuple):
    """One server's address, as requests and signatures need it."""

    url: str
    """Scheme, host, port and path prefix, without a slash at the end."""
    host_header: str
    """The port is left out where it is the scheme's own."""
    path_prefix: str
    """Empty, or begins with a slash and ends without one."""
    is_tls: bool

    @property
    def is_aws(self) -> bool:
        """Whether this is one of AWS's own names, and not a rehearsal server or a look-alike."""
        return is_aws_host(self.host_header.partition(":")[0])


def parse_endpoint(url: str, *, allow_insecure_http: bool) -> Endpoint:
    """Return the parts of ``url``.

    Args:
        url: https anywhere; http only to this machine, unless ``allow_insecure_http``.
        allow_insecure_http: The user accepts that anyone on the way reads and changes the data.

    Raises:
        ConfigError: not a URL that can be used; the message does not repeat it, for it may hold
            a password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode() if parts.hostname else ""
    except ValueError:
        raise _problem("expected a URL such as https://host:port") from None
    if parts.scheme not in _DEFAULT_PORTS or not host:
        raise _problem("expected a URL that begins with https:// (or http://127.0.0.1:)")
    if parts.username is not None or parts.password is not None:
        raise _problem("expected a URL without a user name and a password")
    if parts.query or parts.fragment:
        raise _problem("expected a URL without ? and #")
    if parts.scheme == "http" and not allow_insecure_http and not is_loopback(host):
        raise _problem(
            "expected https: over plain http to another machine anyone on the way can read and "
            "change the data (allow_insecure_http accepts that)"
        )
    shown = f"[{host}]" if ":" in host else host
    if port is not None and port != _DEFAULT_PORTS[parts.scheme]:
        shown = f"{shown}:{port}"
    prefix = parts.path.rstrip("/")
    return Endpoint(f"{parts.scheme}://{shown}{prefix}", shown, prefix, parts.scheme == "https")


def aws_url(prefix: str, region: str, *, is_fips: bool, is_dual_stack: bool) -> str:
    """Return the URL of AWS's own endpoint of a service.

    Args:
        prefix: What the service's host names begin with, as ``ebs``.
        region: Also one that botocore does not know yet.
        is_fips: The endpoint whose cryptography is validated.
        is_dual_stack: The endpoint that IPv6 reaches too.
    """
    partition = partition_of(region)
    is_plain_fips = partition.name == "aws-us-gov" and prefix != "ebs" and not is_dual_stack
    fips = "-fips" if is_fips and not is_plain_fips else ""
    suffix = partition.suffixes[-1 if is_dual_stack else 0]
    return f"https://{prefix}{fips}.{region}.{suffix}"


def is_loopback_url(url: str) -> bool:
    """Return whether ``url`` leads to this machine."""
    return is_loopback(urlsplit(url).hostname or "")


def _problem(expected: str) -> ConfigError:
    return ConfigError((Problem("endpoint", expected),))
