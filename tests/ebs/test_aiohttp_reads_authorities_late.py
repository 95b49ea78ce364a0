"""aiohttp's own contexts have the system's authorities when they are needed, and not before."""

import subprocess
import sys

PROGRAM = """
import ssl
before = ssl.create_default_context, ssl.SSLContext.set_default_verify_paths
import bulkput.network.late_trust
import aiohttp.connector as connector
assert (ssl.create_default_context, ssl.SSLContext.set_default_verify_paths) == before
usual = ssl.create_default_context()
context = connector._SSL_CONTEXT_VERIFIED
assert context.cert_store_stats()["x509_ca"] == 0
assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
assert context.options == usual.options
for _ in range(2):
    context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="example.com")
    assert context.cert_store_stats() == usual.cert_store_stats() != {}
assert connector._SSL_CONTEXT_UNVERIFIED.verify_mode == ssl.CERT_NONE
"""


def test_the_authorities_are_read_at_the_first_handshake():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
