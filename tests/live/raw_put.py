"""A put on a connection of its own, sent in parts: what a client does that stalls or gives up."""

import http.client
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from live.account import BLOCK, b64_sha256

_LIMIT_S = 600


class RawPut:
    """One put: ``send`` parts of its body, then ``answer``; the connection may be used again."""

    def __init__(self, account, snapshot_id, index, data):
        self._account = account
        self._path = f"/snapshots/{snapshot_id}/blocks/{index}"
        self._data = data
        self._sent_bytes = 0
        parts = urlsplit(account.url)
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self.connection = kind(parts.hostname, parts.port, timeout=_LIMIT_S)

    def begin(self):
        """Send the headers."""
        account = self._account
        account.spend("PutSnapshotBlock")
        headers = {
            "x-amz-Data-Length": str(BLOCK),
            "x-amz-Checksum": b64_sha256(self._data),
            "x-amz-Checksum-Algorithm": "SHA256",
            "X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD",
        }
        request = AWSRequest("PUT", f"{account.url}{self._path}", headers=headers)
        SigV4Auth(account.session.get_credentials(), "ebs", account.region).add_auth(request)
        self.connection.putrequest("PUT", self._path)
        for name, value in request.headers.items():
            self.connection.putheader(name, value)
        self.connection.putheader("Content-Length", str(BLOCK))
        self.connection.endheaders()
        self._sent_bytes = 0

    def send(self, until_bytes=BLOCK):
        """Send the body up to ``until_bytes``."""
        self.connection.send(self._data[self._sent_bytes : until_bytes])
        self._sent_bytes = until_bytes

    def answer(self):
        """Return status, headers and body; a connection that is cut is status 0."""
        try:
            found = self.connection.getresponse()
            body = found.read()
        except (http.client.HTTPException, OSError) as error:
            return 0, {}, type(error).__name__.encode()
        self._account.keep(found.status, found.headers, body)
        return found.status, dict(found.headers), body

    def close(self):
        self.connection.close()
