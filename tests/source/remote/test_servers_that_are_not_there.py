"""A disk's address behind which nobody answers: known after a few tries, with what to look at."""

import re
import socket

import pytest
from support.raw_server import RawServer

from bulkput.model.errors import ConfigError, TemporaryError
from bulkput.source.remote.access import Access

SIZE = 1 << 20


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def address_at(url, scheme, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "a")
    if scheme == "s3":
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
        return "s3://bucket/disk.img"
    return f"{url}/disk.img"


@pytest.mark.parametrize("scheme", ["https", "s3"])
def test_a_name_that_does_not_exist(opened, waits, monkeypatch, scheme):
    named_in = "AWS_ENDPOINT_URL_S3" if scheme == "s3" else "the address"
    with pytest.raises(ConfigError, match=rf"nowhere\.invalid cannot be .*{named_in}.* DNS"):
        opened(address_at("https://nowhere.invalid", scheme, monkeypatch), access=Access())
    assert len(waits) == 2


def test_the_region_of_s3_is_doubted(opened, monkeypatch):
    address_at("", "https", monkeypatch)
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with pytest.raises(ConfigError, match=r"eu-wst-1 is no Region .* is eu-west-1 meant\?"):
        opened("s3://bucket/disk.img", access=Access(region="eu-wst-1"))


def test_a_region_that_the_name_does_not_show_is_named(opened, waits, monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    address_at("", "https", monkeypatch)
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ConfigError, match=r"bucket\.s3\.amazonaws\.com .*offered in us-east-1"):
        opened("s3://bucket/disk.img", access=Access(region="us-east-1"))


@pytest.mark.parametrize("scheme", ["https", "s3"])
def test_a_port_that_refuses(opened, waits, monkeypatch, scheme):
    host = f"127.0.0.1:{closed_port()}"
    with pytest.raises(TemporaryError, match=rf"{host}: .*Check the endpoint {host}"):
        opened(address_at(f"http://{host}", scheme, monkeypatch), access=Access())
    assert len(waits) == 2


@pytest.mark.parametrize("scheme", ["https", "s3"])
def test_who_says_nothing_is_asked_once(opened, waits, monkeypatch, scheme):
    """The clock has gone on by the time that is waited for an answer."""
    monkeypatch.setattr("bulkput.source.remote.object._FIRST_LIMIT_S", -1.0)

    def closes(*_):
        pass

    with (
        RawServer(closes) as server,
        pytest.raises(TemporaryError, match=r"closed .*is it one for https\?"),
    ):
        opened(address_at(server.url, scheme, monkeypatch), access=Access())
    assert waits == []


@pytest.mark.parametrize("scheme", ["https", "s3"])
def test_after_the_first_answer_it_is_waited_for_longer(opened, waits, monkeypatch, scheme):
    def answers_at_first(server, connection, request):
        if server.requests <= 2:  # the beginning and the end, which opening looks at
            start, stop = map(int, re.search(rb"bytes=(\d+)-(\d+)", request).groups())
            lines = (
                f"Content-Range: bytes {start}-{stop}/{SIZE}\r\nContent-Length: {stop + 1 - start}"
            )
            head = f"HTTP/1.1 206 Partial\r\n{lines}\r\nConnection: close\r\n\r\n"
            server.send(connection, head.encode() + bytes(stop + 1 - start))

    with RawServer(answers_at_first) as server:
        source = opened(address_at(server.url, scheme, monkeypatch), access=Access())
        with pytest.raises(TemporaryError, match="7 times in a row"):
            source.read_window(0, 1)
    assert len(waits) == 6
