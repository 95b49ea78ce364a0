"""The way to an endpoint, unauthenticated; each thing that can be wrong is one sentence."""

import contextlib
import socket
import threading

import pytest

from bulkput.jobs.bench.certificate import write_key_pair
from bulkput.jobs.bench.connecting import connect_times
from bulkput.jobs.bench.tls import client_context, server_context
from bulkput.model.errors import ConfigError, TemporaryError


@contextlib.contextmanager
def serving(wrap):
    """Answer each connection with a line."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), wrap(connection) as wrapped:
                wrapped.recv(1000)
                wrapped.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


@pytest.fixture
def keys(tmp_path):
    return write_key_pair(tmp_path)


@pytest.fixture
def tls_port(keys):
    context = server_context(*keys)
    with serving(lambda each: context.wrap_socket(each, server_side=True)) as port:
        yield port


@pytest.fixture
def plain_port():
    with serving(lambda each: each) as port:
        yield port


def test_the_three_times_over_tls(tls_port, keys):
    url = f"https://127.0.0.1:{tls_port}"
    found = connect_times(url, None, client_context(keys.certificate))
    assert found.endpoint == url
    assert min(found.connect_s, found.handshake_s, found.first_byte_s) > 0


def test_plain_http_has_no_handshake(plain_port):
    assert connect_times(f"http://127.0.0.1:{plain_port}", None, None).handshake_s is None


def test_a_server_that_is_not_trusted(tls_port, tmp_path):
    (tmp_path / "other").mkdir()
    other = client_context(write_key_pair(tmp_path / "other").certificate)
    with pytest.raises(ConfigError, match="expected a server that is trusted at "):
        connect_times(f"https://127.0.0.1:{tls_port}", None, other)


def test_a_server_that_speaks_no_tls(plain_port, keys):
    with pytest.raises(ConfigError, match="expected a server that speaks TLS"):
        connect_times(f"https://127.0.0.1:{plain_port}", None, client_context(keys.certificate))


def test_a_port_where_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(TemporaryError, match=f"127.0.0.1:{port} does not answer"):
        connect_times(f"http://127.0.0.1:{port}", None, None)


@pytest.mark.parametrize(
    ("region", "error", "words"),
    [
        ("eu-centrall-1", ConfigError, "expected an AWS Region: is eu-central-1 meant"),
        ("eu-central-1", TemporaryError, "cannot be resolved .* Check the DNS"),
    ],
)
def test_names_that_nobody_knows(region, error, words, monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(error, match=words):
        connect_times(f"https://ebs.{region}.amazonaws.com", region, None)
