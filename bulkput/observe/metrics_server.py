"""What answers scrapes of the metrics: few at a time, and none that says nothing for long.

Whoever reaches the address may open connections; they must not take the files and threads that the
run needs. Owns sockets and limits; knows no metric.
"""

import socket
import threading
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

_AT_ONCE_MAX = 8
"""Several Prometheus and a person with curl; each takes a thread and a file."""

_READ_LIMIT_S = 5.0
"""A request is one packet, sent as soon as there is a connection."""


class _Handler(WSGIRequestHandler):
    timeout = _READ_LIMIT_S

    def log_message(self, *_: object) -> None:
        """Say nothing: stderr is the display's."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def __init__(self, *arguments: Any) -> None:
        self._places = threading.BoundedSemaphore(_AT_ONCE_MAX)
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve in a thread, or hang up where all places are taken."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # no thread can be started
            self._places.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve, and give the place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over who left early, or said nothing."""


def serve_scrapes(app: Any, host: str, port: int) -> int:
    """Serve ``app`` (WSGI) in a thread for as long as the process lives; return the port.

    Raises:
        OSError: the address cannot be had.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = found[0]
    kind: type[WSGIServer] = type("Server", (_Server,), {"address_family": family})
    server: WSGIServer = make_server(str(address[0]), port, app, kind, _Handler)
    threading.Thread(target=server.serve_forever, name="bulkput-metrics", daemon=True).start()
    bound: int = server.server_port
    return bound
