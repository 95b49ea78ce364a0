"""An S3 on loopback for tests of the whole program: small, atomic, and failing as told.

moto's, which nobody here wrote, checks the form of the requests (``tests/store``); this one is
quick, keeps its conditions under many writers, and has a clock that a test can move.
"""

import base64
import contextlib
import hashlib
import threading
import time
from collections import Counter
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, unquote, urlsplit

from support.web_server import WebServer

BUCKET = "states"


class S3Server(WebServer):
    """Serves one bucket until ``close``."""

    def __init__(self, **options):
        self.objects = {}
        """Key to content, ETag and time."""
        self.ahead_s = 0.0
        """What its clock has moved on: leases run out."""
        self.answer = None
        """How every request is answered instead: a status, or ``nothing``."""
        self.delay_s = 0.0
        self.ignores_conditions = False
        self.requests = Counter()
        self.bytes_in = 0
        self.lock = threading.Lock()
        self._writes = 0
        super().__init__(_Handler, **options)

    def now_s(self):
        return time.time() + self.ahead_s

    def keys(self, part=""):
        return sorted(key for key in self.objects if part in key)

    def put(self, key, content):
        self._writes += 1
        etag = f'"{hashlib.md5(content).hexdigest()}-{self._writes}"'
        self.objects[key] = (content, etag, self.now_s())
        return etag

    def environment(self, prefix="bulkput", interval="1s"):
        return {
            "AWS_ENDPOINT_URL_S3": self.url,
            "BULKPUT_STATE_STORE": f"s3://{BUCKET}/{prefix}",
            "BULKPUT_STORE_INTERVAL": interval,
        }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def _end(self, status, body=b"", **headers):
        self.send_response_only(status)
        self.send_header("Date", formatdate(self.server.now_s(), usegmt=True))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _refuse(self, status, code):
        self._end(status, f"<Error><Code>{code}</Code><Message>as told</Message></Error>".encode())

    def do_any(self):
        server = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = urlsplit(self.path)
        bucket, _, key = unquote(parts.path).removeprefix("/").partition("/")
        name = "LIST" if not key else self.command
        server.requests[name] += 1
        server.bytes_in += len(body)
        if server.delay_s:
            time.sleep(server.delay_s)
        if server.answer == "nothing":
            time.sleep(60)
        elif isinstance(server.answer, int):
            codes = {403: "AccessDenied", 412: "PreconditionFailed", 503: "SlowDown"}
            self._refuse(server.answer, codes.get(server.answer, "InternalError"))
        elif bucket != BUCKET:
            self._refuse(404, "NoSuchBucket")
        else:
            getattr(self, f"_{name.lower()}")(key, body, parse_qs(parts.query))

    do_GET = do_PUT = do_DELETE = do_any  # noqa: N815 - as http.server has them

    def _get(self, key, *_):
        with self.server.lock:
            found = self.server.objects.get(key)
        if found is None:
            self._refuse(404, "NoSuchKey")
            return
        content, etag, written_s = found
        start = stop = None
        if asked := self.headers.get("Range"):
            start, stop = map(int, asked.removeprefix("bytes=").split("-"))
        modified = formatdate(written_s, usegmt=True)
        if start is None:
            checksum = base64.b64encode(hashlib.sha256(content).digest()).decode()
            self._end(
                200, content, ETag=etag, Last_Modified=modified, x_amz_checksum_sha256=checksum
            )
            return
        part = content[start : stop + 1]
        place = f"bytes {start}-{start + len(part) - 1}/{len(content)}"
        self._end(206, part, ETag=etag, Last_Modified=modified, Content_Range=place)

    def _put(self, key, body, _):
        server = self.server
        checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
        if self.headers.get("x-amz-checksum-sha256") != checksum:
            self._refuse(400, "BadDigest")
            return None
        wanted, absent = self.headers.get("If-Match"), self.headers.get("If-None-Match")
        if server.ignores_conditions:
            wanted = absent = None
        with server.lock:
            found = server.objects.get(key)
            if absent == "*" and found is not None:
                return self._refuse(412, "PreconditionFailed")
            if wanted is not None and found is None:
                return self._refuse(404, "NoSuchKey")
            if wanted is not None and wanted != found[1]:
                return self._refuse(412, "PreconditionFailed")
            etag = server.put(key, body)
        return self._end(200, ETag=etag)

    def _delete(self, key, *_):
        with self.server.lock:
            self.server.objects.pop(key, None)
        self._end(204)

    def _list(self, _, __, query):
        prefix = query.get("prefix", [""])[0]
        with self.server.lock:
            found = sorted(
                each for each in self.server.objects.items() if each[0].startswith(prefix)
            )
        items = "".join(
            f"<Contents><Key>{key}</Key><LastModified>"
            f"{time.strftime('%Y-%m-%dT%H:%M:%S.000Z', time.gmtime(written_s))}</LastModified>"
            f"<Size>{len(content)}</Size></Contents>"
            for key, (content, _, written_s) in found
        )
        text = f"<ListBucketResult><IsTruncated>false</IsTruncated>{items}</ListBucketResult>"
        self._end(200, text.encode())

    def handle(self):
        with contextlib.suppress(OSError):  # the client gave up, or was killed
            super().handle()


@contextlib.contextmanager
def s3_server(**options):
    server = S3Server(**options)
    try:
        yield server
    finally:
        server.close()
