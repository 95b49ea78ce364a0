"""TLS with a private authority, as a stranger, as a friend, and never without a look."""

import asyncio
import gc
import ssl
import warnings
import weakref

import pytest
import trustme

from bulkput.model.errors import ConfigError, ServiceError
from bulkput.network.tls import ca_file, tls_context


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    ca = trustme.CA()
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    return ca, str(path)


def server_context(ca, *names):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*names).configure_cert(context)
    return context


async def stores_all(peer):
    while True:
        await peer.stored(await peer.request())


async def put(plane, lab, block, digest, on_sent=None):
    await plane.put_block(lab.SNAPSHOT, 0, memoryview(block), digest, on_sent)


async def test_a_put_over_tls_leaves_its_body_unsigned(lab, block, digest, authority):
    ca, ca_path = authority
    seen, sent = [], []

    async def records(peer):
        seen.append(await peer.request())
        await peer.stored(seen[0])

    async with (
        lab.serving(records, tls=server_context(ca, "127.0.0.1")) as server,
        lab.data_plane(server.url, tls=tls_context(ca_path)) as plane,
    ):
        await put(plane, lab, block, digest, lambda: sent.append(1))
    assert seen[0].body == block
    assert seen[0].headers["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"
    assert sent == [1]


async def test_a_stranger_is_refused_with_what_to_do(lab, block, digest, authority):
    ca, _ = authority
    async with (
        lab.serving(stores_all, tls=server_context(ca, "127.0.0.1")) as server,
        lab.data_plane(server.url, tls=tls_context(None)) as plane,
    ):
        with pytest.raises(ConfigError, match="AWS_CA_BUNDLE"):
            await put(plane, lab, block, digest)


async def test_another_name_is_refused(lab, block, digest, authority):
    ca, ca_path = authority
    async with (
        lab.serving(stores_all, tls=server_context(ca, "elsewhere.example")) as server,
        lab.data_plane(server.url, tls=tls_context(ca_path)) as plane,
    ):
        with pytest.raises(ConfigError, match="trusted"):
            await put(plane, lab, block, digest)


async def test_old_tls_is_refused(lab, block, digest, authority):
    ca, ca_path = authority
    old = server_context(ca, "127.0.0.1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that old TLS is old is the point
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.minimum_version = ssl.TLSVersion.TLSv1
    old.set_ciphers("ALL:@SECLEVEL=0")
    async with (
        lab.serving(stores_all, tls=old) as server,
        lab.data_plane(server.url, tls=tls_context(ca_path)) as plane,
    ):
        with pytest.raises(ServiceError, match=r"TLS handshake|could not be made"):
            await put(plane, lab, block, digest)


@pytest.mark.parametrize("reads", [True, False])
async def test_over_tls_too_a_silent_peer_is_left_and_holds_nothing(lab, digest, authority, reads):
    class Bytes(bytearray):
        __slots__ = ("__weakref__",)

    async def is_silent(peer):
        if reads:
            await peer.request()
        else:
            peer.writer.transport.pause_reading()
        await asyncio.Event().wait()

    block = Bytes(b"0123456789abcdef" * 32768)
    gone = weakref.ref(block)
    ca, ca_path = authority
    async with (
        lab.serving(is_silent, tls=server_context(ca, "127.0.0.1")) as server,
        lab.data_plane(server.url, tls=tls_context(ca_path)) as plane,
    ):
        with pytest.raises(ServiceError, match="no byte was sent or received"):
            await put(plane, lab, block, digest)
        del block
        gc.collect()
        await asyncio.sleep(0.01)
        gc.collect()
        assert gone() is None


async def test_a_refusal_before_the_body_is_read_over_tls(lab, block, digest, authority):
    async def refuses(peer):
        await peer.head()
        kind = {"x-amzn-ErrorType": "AccessDeniedException", "Connection": "close"}
        await peer.answer(403, kind, b'{"message":"no"}')
        peer.writer.close()

    ca, ca_path = authority
    async with (
        lab.serving(refuses, tls=server_context(ca, "127.0.0.1")) as server,
        lab.data_plane(server.url, tls=tls_context(ca_path)) as plane,
    ):
        with pytest.raises(ServiceError, match="ebs:PutSnapshotBlock"):
            await put(plane, lab, block, digest)


def test_verification_is_on_and_tls_is_new(authority):
    for context in (tls_context(None), tls_context(authority[1])):
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert tls_context(authority[1]).cert_store_stats()["x509_ca"] == 1  # and nobody else


def test_a_bundle_that_is_none_is_reported(tmp_path):
    with pytest.raises(ConfigError, match="AWS_CA_BUNDLE"):
        tls_context(str(tmp_path / "missing.pem"))
    empty = tmp_path / "empty.pem"
    empty.write_text("no certificate")
    with pytest.raises(ConfigError, match="PEM"):
        tls_context(str(empty))


def test_a_system_without_authorities_has_botocores(monkeypatch, tmp_path):
    paths = ssl.get_default_verify_paths()
    bare = paths._replace(cafile=None, capath=str(tmp_path))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: bare)
    assert tls_context(None).cert_store_stats()["x509_ca"] > 50


def test_the_bundle_is_looked_for_as_the_aws_cli_does():
    both = {"REQUESTS_CA_BUNDLE": "/r", "SSL_CERT_FILE": "/s"}
    assert ca_file("/c", both) == "/c"
    assert ca_file(None, both) == "/r"
    assert ca_file(None, {"SSL_CERT_FILE": "/s"}) == "/s"
    assert ca_file(None, {}) is None
