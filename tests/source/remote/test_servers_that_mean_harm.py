"""Servers of disks whose answers never end, or never get anywhere: left in turns and with words."""

import re
import threading

import pytest
from support.raw_server import ENDLESS_MAX, RawServer

from bulkput.model.errors import SourceError, TemporaryError
from bulkput.source.remote.object import _DELAYS_S

SIZE = 4 << 20
REQUESTS_MAX = 4 * (len(_DELAYS_S) + 1)


def range_server(answer):
    """Return a server that writes what ``answer(server, connection, start, stop)`` writes."""

    def answer_range(server, connection, request):
        asked = re.search(rb"bytes=(\d+)-(\d+)", request)
        answer(server, connection, int(asked[1]), int(asked[2]) + 1)

    return RawServer(answer_range)


def head(start, stop, *lines):
    content_range = f"Content-Range: bytes {start}-{min(stop, SIZE) - 1}/{SIZE}"
    return "\r\n".join(
        ("HTTP/1.1 206 Partial", content_range, 'ETag: "a"', *lines, "", "")
    ).encode()


def address_of(server, scheme, monkeypatch):
    """Return the address of a disk on the server, which S3's clients are sent to as well."""
    for name, value in (
        ("AWS_ENDPOINT_URL_S3", server.url),
        ("AWS_ACCESS_KEY_ID", "a"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
    ):
        monkeypatch.setenv(name, value)
    return f"{server.url}/disk.img" if scheme == "https" else "s3://bucket/disk.img"


def few_bytes(server, connection, start, stop):
    server.send(connection, head(start, stop, f"Content-Length: {stop - start}") + bytes(100))


def endless_headers(server, connection, _start, _stop):
    server.send(connection, b"HTTP/1.1 206 Partial\r\n")
    while server.sent < ENDLESS_MAX:
        server.send(connection, b"X-Long: x\r\n" * 1000)


def endless_line(server, connection, _start, _stop):
    server.send(connection, b"HTTP/1.1 206 Partial\r\nX: ")
    while server.sent < ENDLESS_MAX:
        server.send(connection, b"x" * 65_536)


def endless_interim(server, connection, _start, _stop):
    while server.sent < ENDLESS_MAX:
        server.send(connection, b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)


def endless_redirects(server, connection, _start, _stop):
    location = f"Location: {server.url}/{server.requests}"
    server.send(connection, f"HTTP/1.1 302 No\r\n{location}\r\nContent-Length: 0\r\n\r\n".encode())


def other_range(server, connection, start, stop):
    server.send(connection, head(start + 512, stop + 512, "Content-Length: 5") + b"other")


def negative_chunks(server, connection, start, stop):
    server.send(connection, head(start, stop, "Transfer-Encoding: chunked") + b"-5\r\nab")


def no_http(server, connection, _start, _stop):
    server.send(connection, b"SSH-2.0-OpenSSH_9.2\r\n\x1b]0;title\x07\r\n")


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (few_bytes, TemporaryError, "ended early|Incomplete|closed early"),
        (endless_headers, TemporaryError, "times in a row|cannot be reached"),
        (endless_line, TemporaryError, "times in a row|cannot be reached"),
        (endless_interim, TemporaryError, "times in a row|cannot be reached"),
        (endless_redirects, SourceError, "redirects more than"),
        (other_range, SourceError, "does not serve parts"),
        (negative_chunks, TemporaryError, "times in a row|cannot be reached"),
        (no_http, TemporaryError, "times in a row|cannot be reached"),
    ],
)
def test_it_is_left_after_a_few_turns(opened, answer, error, words):
    server = range_server(answer)
    try:
        with pytest.raises(error, match=words) as caught:
            opened(f"{server.url}/disk.img")
    finally:
        server.close()
    assert str(caught.value).isprintable()
    assert server.requests <= REQUESTS_MAX
    assert server.sent < ENDLESS_MAX


@pytest.mark.parametrize("framing", ["length", "chunked", "close", "length, close"])
@pytest.mark.parametrize("scheme", ["https", "s3"])
def test_a_byte_now_and_then_is_no_answer(opened, monkeypatch, framing, scheme):
    """No read times out; here as everywhere in milliseconds instead of seconds."""
    monkeypatch.setattr("bulkput.source.remote.slow_answers.PIECE_LIMIT_S", 0.15)
    monkeypatch.setattr("bulkput.source.remote.object._DELAYS_S", (0.0, 0.0))
    done = threading.Event()

    def drip(server, connection, start, stop):
        lines = [f"Content-Length: {stop - start}"] if "length" in framing else []
        lines += ["Transfer-Encoding: chunked"] if framing == "chunked" else []
        lines += ["Connection: close"] if "close" in framing else []
        server.send(connection, head(start, stop, *lines))
        while not done.wait(0.01):
            server.send(connection, b"1\r\nx\r\n" if framing == "chunked" else b"x")

    server = range_server(drip)
    address = address_of(server, scheme, monkeypatch)
    try:
        with pytest.raises(TemporaryError, match=r"3 times in a row: less than 512 KiB came with"):
            opened(address)
    finally:
        done.set()
        server.close()
    assert server.requests == 3


@pytest.mark.parametrize("scheme", ["https", "s3"])
def test_nor_is_a_head_that_comes_byte_by_byte(opened, monkeypatch, scheme):
    """It would end at last, and be a good one."""
    monkeypatch.setattr("bulkput.source.remote.response_head.HEAD_LIMIT_S", 0.15)
    monkeypatch.setattr("bulkput.source.remote.object._DELAYS_S", (0.0, 0.0))
    done = threading.Event()

    def drip(server, connection, start, stop):
        stop = min(stop, SIZE)
        for each in head(start, stop, f"Content-Length: {stop - start}"):
            server.send(connection, bytes([each]))
            if done.wait(0.01):
                return
        server.send(connection, bytes(stop - start))

    server = range_server(drip)
    try:
        with pytest.raises(TemporaryError, match="cannot be reached"):
            opened(address_of(server, scheme, monkeypatch))
    finally:
        done.set()
        server.close()
    assert server.requests == 3


@pytest.mark.parametrize(
    "answer", [few_bytes, endless_headers, endless_line, endless_interim, negative_chunks, no_http]
)
def test_an_s3_that_means_harm_is_left_too(opened, monkeypatch, answer):
    server = range_server(answer)
    address = address_of(server, "s3", monkeypatch)
    try:
        with pytest.raises(TemporaryError, match=r"times in a row|cannot be reached") as caught:
            opened(address)
    finally:
        server.close()
    assert str(caught.value).isprintable()
    assert server.requests <= REQUESTS_MAX
    assert server.sent < ENDLESS_MAX


def test_a_body_without_end_is_read_as_far_as_was_asked_for(opened):
    def endless(server, connection, start, stop):
        server.send(connection, head(start, stop, "Transfer-Encoding: chunked"))
        while server.sent < ENDLESS_MAX:
            server.send(connection, b"10000\r\n" + bytes(65_536) + b"\r\n")

    server = range_server(endless)
    try:
        source = opened(f"{server.url}/disk.img")
        source.read_window(0, 2)
    finally:
        server.close()
    assert source.size_bytes == SIZE
    assert server.sent < ENDLESS_MAX
