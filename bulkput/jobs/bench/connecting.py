"""How far an endpoint is: time to connect, for the handshake and to the first byte of an answer.

Nothing is signed: what is asked for is refused, as fast as anything is answered.
"""

import socket
import ssl
import statistics
import time
from contextlib import ExitStack
from typing import NamedTuple
from urllib.parse import urlsplit

from bulkput.jobs.bench.measured import Connecting
from bulkput.model.errors import ConfigError, Problem, TemporaryError
from bulkput.network.partitions import is_aws_host, is_known_region, nearest_region

_CONNECTIONS = 5
_LIMIT_S = 3.0
"""For each step of one connection: what takes longer is no endpoint to put to."""


class _Times(NamedTuple):
    connect_s: float
    handshake_s: float
    first_byte_s: float


def connect_times(url: str, region: str | None, trust: ssl.SSLContext | None) -> Connecting:
    """Measure some connections, one after the other. Blocks.

    Args:
        url: The endpoint.
        region: As configured, for advice.
        trust: None over plain http.

    Raises:
        ConfigError: there is no such Region, or the server is not trusted.
        TemporaryError: no connection can be made.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = [_connect(host, port, trust) for _ in range(_CONNECTIONS)]
    except socket.gaierror as error:
        raise _unresolved(host, region, error) from error
    except ssl.SSLCertVerificationError as error:
        expected = f"expected a server that is trusted at {host}: {error.verify_message}"
        raise ConfigError((Problem("endpoint", expected),)) from error
    except ssl.SSLError as error:
        expected = f"expected a server that speaks TLS at {host}:{port}: {error.reason or error}"
        raise ConfigError((Problem("endpoint", expected),)) from error
    except OSError as error:
        what = error.strerror or str(error) or "no answer"
        raise TemporaryError(
            f"{host}:{port} does not answer ({what}). Check the endpoint, routes and firewalls"
        ) from error
    medians = _Times(*(statistics.median(column) for column in zip(*found, strict=True)))
    handshake_s = None if trust is None else medians.handshake_s
    return Connecting(url, medians.connect_s, handshake_s, medians.first_byte_s)


def _connect(host: str, port: int, trust: ssl.SSLContext | None) -> _Times:
    with ExitStack() as stack:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        began_s = time.perf_counter()
        address = addresses[0][4]
        connection = stack.enter_context(
            socket.create_connection((str(address[0]), port), timeout=_LIMIT_S)
        )
        connected_s = time.perf_counter()
        if trust is not None:
            connection = stack.enter_context(trust.wrap_socket(connection, server_hostname=host))
        greeted_s = time.perf_counter()
        connection.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        connection.recv(1)
        return _Times(
            connected_s - began_s, greeted_s - connected_s, time.perf_counter() - greeted_s
        )


def _unresolved(
    host: str, region: str | None, error: socket.gaierror
) -> ConfigError | TemporaryError:
    if region and is_aws_host(host) and not is_known_region(region):
        nearest = nearest_region(region)
        expected = "expected an AWS Region" + (f": is {nearest} meant?" if nearest else "")
        return ConfigError((Problem("region", f"{expected} (the name {host} is unknown)"),))
    return TemporaryError(f"the name {host} cannot be resolved ({error.strerror}). Check the DNS")
