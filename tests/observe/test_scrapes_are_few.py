"""Connections to the metrics' address, however many, take neither files nor threads from a run."""

import socket
import threading
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


def test_those_that_say_nothing_are_few_and_are_left(port, monkeypatch):
    monkeypatch.setattr(metrics_server._Handler, "timeout", 0.3)
    before = threading.active_count()
    silent = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(40)]
    try:
        # Those beyond the places are hung up on at once: the last of them has an end to read.
        assert silent[-1].recv(1) == b""
        assert threading.active_count() - before <= metrics_server._AT_ONCE_MAX
        for each in silent[: metrics_server._AT_ONCE_MAX]:
            assert each.recv(1) == b""
        for _ in range(3):
            assert scrape(port) == b"metrics"
    finally:
        for each in silent:
            each.close()


def test_an_address_that_is_taken_is_an_error(port):
    with pytest.raises(OSError, match="in use"):
        metrics_server.serve_scrapes(None, "127.0.0.1", port)
