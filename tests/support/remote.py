"""A web server that gives ranges, and spoils them as asked; and a proxy that cuts connections."""

import contextlib
import re
import socket
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler

from support.web_server import WebServer


class RangeServer:
    """Serves one disk at every path but ``/none``; each of ``script`` spoils one request.

    A spoiler is a status to answer, or ``("cut", n)``: the connection ends after n bytes.
    ``redirect`` is an address, or a function that gives one for each request.
    """

    def __init__(self, disk, *, etag='"one"', tls=None):
        self.disk = disk
        self.etag = etag
        self.modified = None
        self.encoding = None
        self.gives_ranges = True
        self.redirect = None
        self.script = deque()
        self.requests = []
        handler = type("Handler", (_Handler,), {"served": self})
        self._server = WebServer(handler, tls=tls)
        self.url = self._server.url.replace("127.0.0.1", "localhost")

    def close(self):
        self._server.close()


class _Handler(BaseHTTPRequestHandler):
    served = None

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.served.requests.append((self.path, dict(self.headers)))
        spoiler = self.served.script.popleft() if self.served.script else None
        if isinstance(spoiler, int):
            self._end(spoiler)
        elif self.path.startswith("/none"):
            self._end(404)
        elif self.served.redirect and not self.path.startswith("/moved"):
            target = self.served.redirect
            self._end(302, Location=target() if callable(target) else target)
        elif self.headers.get("If-Match") not in {None, self.served.etag}:
            self._end(412)
        else:
            self._disk(spoiler)

    def _end(self, status, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _disk(self, spoiler):
        disk = self.served.disk
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if asked is None or not self.served.gives_ranges:
            status, start, stop = 200, 0, len(disk)
        else:
            status, start, stop = 206, int(asked[1]), min(int(asked[2]) + 1, len(disk))
        if start >= len(disk):
            self._end(416)
            return
        self.send_response(status)
        if self.served.etag:
            self.send_header("ETag", self.served.etag)
        if self.served.modified:
            self.send_header("Last-Modified", self.served.modified)
        if self.served.encoding:
            self.send_header("Content-Encoding", self.served.encoding)
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(disk)}")
        self.send_header("Content-Length", str(stop - start))
        self.end_headers()
        body = disk[start:stop]
        if spoiler is not None:
            self.wfile.write(body[: spoiler[1]])
            self.close_connection = True
        else:
            self.wfile.write(body)

    def handle(self):
        with contextlib.suppress(OSError):  # the client gave up
            super().handle()


class CuttingProxy:
    """Carries connections to ``port``; the first of those that carry much are cut after a while."""

    def __init__(self, port, *, cuts, at_bytes):
        self._port = port
        self.cuts = cuts
        self._at_bytes = at_bytes
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._port))
            except OSError:
                client.close()
                continue
            for source, target, cuts in ((client, server, False), (server, client, True)):
                thread = threading.Thread(target=self._carry, args=(source, target, cuts))
                self._threads.append(thread)
                thread.start()

    def _carry(self, source, target, cuts):
        carried = 0
        try:
            while piece := source.recv(65_536):
                carried += len(piece)
                if cuts and carried > self._at_bytes:
                    with self._lock:
                        is_cut = self.cuts > 0
                        self.cuts -= is_cut
                    if is_cut:
                        break
                target.sendall(piece)
        except OSError:
            pass
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
