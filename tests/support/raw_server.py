"""A server on loopback that writes whatever a function says, whether it is HTTP or not."""

import contextlib
import socket
import threading

import pytest

ENDLESS_MAX = 64 << 20
"""Bytes after which an answer without end is ended: no client may let it come to that."""


class RawServer:
    """Writes what ``answer(server, connection, head)`` writes, and closes; a context manager."""

    def __init__(self, answer):
        self.requests = 0
        self.sent = 0
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def send(self, connection, content):
        connection.sendall(content)
        self.sent += len(content)

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                head = connection.recv(65_536)
                self.requests += 1
                self._answer(self, connection, head)


_ENDLESS = {
    "interim": ("", "HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "early hints": ("", "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" * 1000),
    "interim headers": ("HTTP/1.1 100 Continue\r\n", "X-Long: x\r\n" * 1000),
    "headers": ("HTTP/1.1 200 Connection established\r\n", "X-Long: x\r\n" * 1000),
    "header": ("HTTP/1.1 200 Connection established\r\nX: ", "x" * 65_536),
    "status": ("HTTP/1.1 200 ", "x" * 65_536),
}


def endless_answers():
    """Return parameters of tests: answers for ``RawServer`` whose heads do not end."""
    return [
        pytest.param(_endless(first.encode(), again.encode()), id=name)
        for name, (first, again) in _ENDLESS.items()
    ]


def _endless(first, again):
    def answer(server, connection, _head):
        server.send(connection, first)
        while server.sent < ENDLESS_MAX:
            server.send(connection, again)

    return answer
