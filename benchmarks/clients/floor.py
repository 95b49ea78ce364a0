"""The floor: what a put costs CPython with OpenSSL when nothing but the put is done.

Threads with blocking sockets; each reads a block into its own buffer, hashes, signs with a key
derived once, and sends headers and body. No retries, no pacing, no ledger, no checks beyond the
status: a program that people could use costs more, and the ratio says how much.
"""

import base64
import hashlib
import hmac
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from itertools import count

from benchmarks.clients.arguments import REGION, SNAPSHOT_ID, Job, parse_job
from bulkput.model.block import BLOCK_SIZE_BYTES

_CONNECTIONS = 4
"""On two cores 4 is the fastest; 8 and 16 cost up to 5% more CPU, and 2 leave the link idle."""

_ANSWER_MAX_BYTES = 65_536
_SIGNED = (
    "host;x-amz-checksum;x-amz-checksum-algorithm;x-amz-content-sha256;x-amz-data-length;x-amz-date"
)


def _signing_key(secret_key: str, day: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (day, REGION, "ebs", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


class Signer:
    """Writes the request's head with a SigV4 signature; the body is unsigned, as over https."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        self._scope = f"{self._date[:8]}/{REGION}/ebs/aws4_request"
        self._access_key = os.environ["AWS_ACCESS_KEY_ID"]
        self._key = _signing_key(os.environ["AWS_SECRET_ACCESS_KEY"], self._date[:8])

    def head(self, path: str, checksum: str) -> bytes:
        canonical = (
            f"PUT\n{path}\n\nhost:{self._host}\nx-amz-checksum:{checksum}\n"
            f"x-amz-checksum-algorithm:SHA256\nx-amz-content-sha256:UNSIGNED-PAYLOAD\n"
            f"x-amz-data-length:{BLOCK_SIZE_BYTES}\nx-amz-date:{self._date}\n\n"
            f"{_SIGNED}\nUNSIGNED-PAYLOAD"
        )
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{self._date}\n{self._scope}\n{digest}"
        signature = hmac.digest(self._key, text.encode(), "sha256").hex()
        return (
            f"PUT {path} HTTP/1.1\r\nHost: {self._host}\r\nx-amz-Checksum: {checksum}\r\n"
            f"x-amz-Checksum-Algorithm: SHA256\r\nx-amz-Data-Length: {BLOCK_SIZE_BYTES}\r\n"
            f"X-Amz-Content-SHA256: UNSIGNED-PAYLOAD\r\nX-Amz-Date: {self._date}\r\n"
            f"Authorization: AWS4-HMAC-SHA256 Credential={self._access_key}/{self._scope}, "
            f"SignedHeaders={_SIGNED}, Signature={signature}\r\n"
            f"Content-Length: {BLOCK_SIZE_BYTES}\r\n\r\n"
        ).encode()


def _connect(job: Job, context: ssl.SSLContext | None) -> socket.socket:
    connection = socket.create_connection(job.address)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if context is None:
        return connection
    return context.wrap_socket(connection, server_hostname=job.address[0])


def _put_blocks(job: Job, context: ssl.SSLContext | None, indexes: Iterator[int]) -> None:
    host, port = job.address
    signer = Signer(f"{host}:{port}")
    body = memoryview(bytearray(BLOCK_SIZE_BYTES))
    with _connect(job, context) as connection, job.path.open("rb", buffering=0) as source:
        for index in indexes:
            if index >= job.block_count:
                return
            if os.preadv(source.fileno(), [body], index * BLOCK_SIZE_BYTES) != BLOCK_SIZE_BYTES:
                raise OSError(f"short read of block {index}")
            checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
            path = f"/snapshots/{SNAPSHOT_ID}/blocks/{index}"
            connection.sendall(signer.head(path, checksum))
            connection.sendall(body)
            answer = connection.recv(_ANSWER_MAX_BYTES)
            while not answer.endswith(b"{}"):
                more = connection.recv(_ANSWER_MAX_BYTES)
                if not more:
                    raise ConnectionError(f"connection closed at block {index}")
                answer += more
            if not answer.startswith(b"HTTP/1.1 201"):
                raise ConnectionError(f"block {index}: {answer[:80]!r}")


def main() -> None:
    job = parse_job(
        "The floor: threads, blocking sockets, hash, sign, send", concurrency=_CONNECTIONS
    )
    context = ssl.create_default_context(cafile=job.ca_path) if job.is_tls else None
    indexes = count()  # next() of itertools.count is atomic under the GIL
    failures: list[Exception] = []

    def work() -> None:
        try:
            _put_blocks(job, context, indexes)
        except OSError as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(job.concurrency)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


if __name__ == "__main__":
    main()
