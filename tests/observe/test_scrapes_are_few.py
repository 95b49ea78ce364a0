"""Connections to the metrics' address, however many, take neither files nor threads from a run."""

import socket
import threading
import time
import urllib.request

import pytest

from bulkput.observe import metrics_server


@pytest.fixture
def port():
    def app(_, start):
        start("200 OK", [("Content-Type", "text/plain")])
        return [b"metrics"]

    return metrics_server.serve_scrapes(app, "127.0.0.1", 0)


def scrape(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return answer.read()


@pytest.fixture
def silent(port):
    """All places, taken by connections that say nothing."""
    places = range(metrics_server._AT_ONCE_MAX)
    found = [socket.create_connection(("127.0.0.1", port), 10) for _ in places]
    yield found
    for each in found:
        each.close()


def test_beyond_the_places_connections_are_hung_up_on_at_once(port, monkeypatch, request):
    monkeypatch.setattr(metrics_server._Handler, "timeout", 60)
    before = threading.active_count()
    request.getfixturevalue("silent")
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", port), 10) as each:
            assert each.recv(1) == b""
    assert threading.active_count() - before <= metrics_server._AT_ONCE_MAX


def test_those_that_say_nothing_are_left(port, monkeypatch, request, capsys):
    assert 0 < metrics_server._Handler.timeout <= 10
    monkeypatch.setattr(metrics_server._Handler, "timeout", 0.3)
    before = threading.active_count()
    for each in request.getfixturevalue("silent"):
        assert each.recv(1) == b""
    while threading.active_count() > before:  # each gives its place back behind that
        time.sleep(0.01)
    for _ in range(3):
        assert scrape(port) == b"metrics"
    assert capsys.readouterr().err == ""


def test_those_for_which_there_is_no_thread_take_no_place(port, monkeypatch):
    def refuse(*_):
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(metrics_server.ThreadingMixIn, "process_request", refuse)
        for _ in range(metrics_server._AT_ONCE_MAX):
            with socket.create_connection(("127.0.0.1", port), 10) as each:
                assert each.recv(1) == b""
    assert scrape(port) == b"metrics"


def test_an_address_that_is_taken_is_an_error(port):
    with pytest.raises(OSError, match="in use"):
        metrics_server.serve_scrapes(None, "127.0.0.1", port)
