"""A proxy before a server, which bends what it answers as a test says."""

import http.client
import json
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

from support.web_server import WebServer

MADE_UP = "madeup"
"""What a page's token begins with that only a bend knows: its page is the last one once more."""

_HOP = {"connection", "content-length", "transfer-encoding", "keep-alive"}


@dataclass
class Reply:
    """What is answered to a request."""

    status: int
    headers: dict
    body: bytes


def json_bent(change):
    """Return the bend that lets ``change`` alter the object that an answer is."""

    def bend(reply, _request):
        document = json.loads(reply.body)
        changed = change(document)
        reply.body = json.dumps(document if changed is None else changed).encode()
        return reply

    return bend


def text_bent(old, new):
    """Return the bend that replaces a text in an answer, where it must be."""

    def bend(reply, _request):
        assert old.encode() in reply.body
        reply.body = reply.body.replace(old.encode(), new.encode())
        return reply

    return bend


def operation_of(method, path, body):
    parts = [part for part in urlsplit(path).path.split("/") if part]
    if not parts:
        return parse_qs(body.decode("latin-1")).get("Action", [""])[0]
    if method == "POST":
        return "CompleteSnapshot" if "completion" in parts else "StartSnapshot"
    if parts[-1] == "changedblocks":
        return "ListChangedBlocks"
    if parts[-1] == "blocks":
        return "ListSnapshotBlocks"
    return "PutSnapshotBlock" if method == "PUT" else "GetSnapshotBlock"


class BendingProxy:
    """Passes everything on, but for the operations in ``bends``."""

    def __init__(self, url):
        self._origin = urlsplit(url)
        self.bends = {}
        self._last = {}
        self.seen = []
        """Operation of every request, in order."""
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_any(self):
                proxy.pass_on(self)

            do_GET = do_POST = do_PUT = do_any  # noqa: N815 - as http.server has them

            def log_message(self, *_):
                """Write nothing."""

        self._server = WebServer(Handler)
        self.url = self._server.url

    def pass_on(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        operation = operation_of(handler.command, handler.path, body)
        self.seen.append(operation)
        if f"pageToken={MADE_UP}" in handler.path:
            reply = replace(self._last[operation])
        else:
            reply = self._last[operation] = self._asked(handler, body)
            reply = replace(reply)
        bend = self.bends.get(operation)
        if bend is not None and reply.status < 300:
            reply = bend(reply, handler.path)
        handler.send_response_only(reply.status)
        for name, value in reply.headers.items():
            if name.lower() not in _HOP:
                handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(reply.body)))
        handler.end_headers()
        handler.wfile.write(reply.body)

    def _asked(self, handler, body):
        connection = http.client.HTTPConnection(self._origin.hostname, self._origin.port)
        connection.request(handler.command, handler.path, body, dict(handler.headers))
        answer = connection.getresponse()
        reply = Reply(answer.status, dict(answer.getheaders()), answer.read())
        connection.close()
        return reply

    def stop(self):
        self._server.close()
