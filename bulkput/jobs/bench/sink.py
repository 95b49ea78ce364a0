"""A server that takes puts and keeps nothing: what it costs is little more than TLS itself.

It reads every body to its end and answers with the checksum echoed, as the service does, and
checks neither checksum nor signature. StartSnapshot, CompleteSnapshot and DescribeSnapshots get
fixed answers: its one snapshot stays pending. It knows how many puts came when.
"""

import asyncio
import json
import re
import time
from pathlib import Path
from typing import cast

from bulkput.jobs.bench.tls import server_context

SNAPSHOT_ID = "snap-0123456789abcdef0"

PUTS_PATH = "/bench/puts"
"""GET: when puts were answered, as the JSON object of ``PutTimes``; and they are forgotten."""

SLOT_S = 0.05
"""Puts are counted by slots of so much: an upload of a second still has twenty."""

_BUFFER_BYTES = 1 << 18
_HEAD_MAX_BYTES = 1 << 16
_HEADERS = re.compile(rb"(?i)\r\n(content-length|x-amz-checksum): *([^\r\n]*)")
_STARTED = {
    "BlockSize": 524_288,
    "OwnerId": "000000000000",
    "SnapshotId": SNAPSHOT_ID,
    "Status": "pending",
}
_DESCRIBED = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<DescribeSnapshotsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
    f"<requestId>sink</requestId><snapshotSet><item><snapshotId>{SNAPSHOT_ID}</snapshotId>"
    "<volumeId>vol-ffffffff</volumeId><status>pending</status>"
    "<startTime>2026-01-01T00:00:00.000Z</startTime><progress>0%</progress>"
    "<ownerId>000000000000</ownerId><volumeSize>1</volumeSize><encrypted>false</encrypted>"
    "</item></snapshotSet></DescribeSnapshotsResponse>"
)


class PutCounts:
    """How many puts were answered in each slot of time."""

    def __init__(self) -> None:
        """Begin with none."""
        self._counts: dict[int, int] = {}

    def count(self) -> None:
        """Note that one was answered now."""
        slot = int(time.monotonic() / SLOT_S)
        self._counts[slot] = self._counts.get(slot, 0) + 1

    def taken(self) -> list[int]:
        """Return the counts from the first slot that has any to the last, and forget them."""
        counts, self._counts = self._counts, {}
        if not counts:
            return []
        return [counts.get(slot, 0) for slot in range(min(counts), max(counts) + 1)]


class SinkConnection(asyncio.BufferedProtocol):
    """One connection, on which one request follows the other."""

    def __init__(self, counts: PutCounts) -> None:
        """Count in ``counts``."""
        self._counts = counts
        self._buffer = memoryview(bytearray(_BUFFER_BYTES))  # asyncio takes parts of it
        self._head = b""
        self._body = b""
        """Of all but puts."""
        self._left_bytes = -1
        """Of the body under way; -1 before the end of the head."""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def get_buffer(self, _sizehint: int) -> memoryview:
        """Return where bytes go."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take bytes: of a put's body they are counted only."""
        if 0 <= nbytes < self._left_bytes and self._head.startswith(b"PUT"):
            self._left_bytes -= nbytes
            return
        data = bytes(self._buffer[:nbytes])
        while data:
            data = self._head_part(data) if self._left_bytes < 0 else self._body_part(data)

    def _head_part(self, data: bytes) -> bytes:
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            if len(self._head) > _HEAD_MAX_BYTES and self._transport is not None:
                self._transport.abort()
            return b""
        rest, self._head = self._head[end + 4 :], self._head[: end + 2]
        self._headers = {name.lower(): value for name, value in _HEADERS.findall(self._head)}
        self._left_bytes = int(self._headers.get(b"content-length", b"0"))
        if not self._left_bytes:
            self._answer()
        return rest

    def _body_part(self, data: bytes) -> bytes:
        taken = min(len(data), self._left_bytes)
        self._left_bytes -= taken
        if not self._head.startswith(b"PUT"):
            self._body += data[:taken]
        if not self._left_bytes:
            self._answer()
        return data[taken:]

    def _answer(self) -> None:
        method, path = self._head.split(b" ", 2)[:2]
        checksum = self._headers.get(b"x-amz-checksum", b"")
        body, self._head, self._body, self._left_bytes = self._body, b"", b"", -1
        if method == b"PUT":
            self._counts.count()
            echo = b"x-amz-Checksum: " + checksum + b"\r\nx-amz-Checksum-Algorithm: SHA256\r\n"
            self._send(b"201 Created", b"{}", echo)
        elif path.startswith(b"/snapshots/completion/"):
            self._send(b"202 Accepted", b'{"Status":"pending"}')
        elif path == b"/snapshots":
            facts = {"StartTime": time.time(), "VolumeSize": json.loads(body)["VolumeSize"]}
            self._send(b"201 Created", json.dumps(_STARTED | facts).encode())
        elif path == PUTS_PATH.encode():
            answer = {"counts": self._counts.taken(), "cpu_s": time.process_time()}
            self._send(b"200 OK", json.dumps(answer).encode())
        else:
            self._send(b"200 OK", _DESCRIBED.encode(), b"Content-Type: text/xml\r\n")

    def _send(self, status: bytes, body: bytes, headers: bytes = b"") -> None:
        assert self._transport is not None  # noqa: S101 - bytes came by it
        self._transport.write(
            b"HTTP/1.1 %b\r\nx-amzn-RequestId: sink\r\n%bContent-Length: %d\r\n\r\n%b"
            % (status, headers, len(body), body)
        )


async def serve(certificate: Path, key: Path) -> asyncio.Server:
    """Serve on a free port of the loopback.

    Raises:
        OSError: there is no loopback, or no port.
    """
    counts = PutCounts()
    return await asyncio.get_running_loop().create_server(
        lambda: SinkConnection(counts), "127.0.0.1", 0, ssl=server_context(certificate, key)
    )
