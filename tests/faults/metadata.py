"""An instance metadata service on loopback that can give the spot notice."""

import http.server
import json

from support.web_server import WebServer


class Metadata(WebServer):
    """Speaks IMDSv2; a context manager."""

    notice = None
    polls = 0

    def __init__(self):
        super().__init__(_Handler)


class _Handler(http.server.BaseHTTPRequestHandler):
    def _answer(self, status, text=""):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self):
        self._answer(200, "token")

    def do_GET(self):
        if not self.path.endswith("/spot/instance-action"):
            self._answer(404)
            return
        self.server.polls += 1
        notice = self.server.notice
        if notice is None:
            self._answer(404)
        else:
            self._answer(200, json.dumps(notice))

    def log_message(self, *_):
        pass
