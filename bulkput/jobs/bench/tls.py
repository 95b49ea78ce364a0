"""TLS on the loopback: with whom, with which cipher, and how fast one processor encrypts."""

import os
import ssl
from pathlib import Path

from bulkput.jobs.bench.rounds import median_rate
from bulkput.model.block import BLOCK_SIZE_BYTES


def tls_bytes_per_s(certificate: Path, key: Path, budget_s: float) -> float:
    """Return how fast blocks are encrypted, with the server's cipher and without a network.

    Raises:
        ssl.SSLError: this OpenSSL has no such cipher.
    """
    sent, received = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context(certificate).wrap_bio(received, sent, server_hostname="localhost")
    server = server_context(certificate, key).wrap_bio(sent, received, server_side=True)
    waiting = [client, server]
    while waiting:
        for side in tuple(waiting):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(side)
    block = os.urandom(BLOCK_SIZE_BYTES)

    def encrypt() -> int:
        client.write(block)
        sent.read()
        return BLOCK_SIZE_BYTES

    return median_rate(encrypt, budget_s)


def client_context(certificate: Path) -> ssl.SSLContext:
    """Return what trusts ``certificate`` alone."""
    return ssl.create_default_context(cafile=str(certificate))


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return what serves with AES-128-GCM, which the service negotiates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    # With TLS 1.3 OpenSSL takes AES-256, which Python cannot change.
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    return context
