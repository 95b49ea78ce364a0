"""https and http sources: ranges of one version, through cuts and errors, or a clear sentence."""

import gzip
import ssl
from concurrent.futures import ThreadPoolExecutor

import pytest
import trustme
from support.remote import RangeServer

from bulkput.model.errors import ConfigError, CredentialsError, SourceError, TemporaryError
from bulkput.source.remote.access import Access
from bulkput.source.remote.object import _DELAYS_S

BLOCK = 524_288


def test_a_disk_is_read_in_ranges_and_padded(web, disk, opened, content):
    source = opened(f"{web.url}/disk.img")
    assert (source.format, source.kind, source.is_sequential) == ("raw", "object", False)
    assert (source.size_bytes, source.block_count) == (len(disk), 6)
    assert content(source) == disk.ljust(6 * BLOCK, b"\0")
    source.check_unchanged()
    assert all("Range" in headers for _, headers in web.requests)


def test_windows_are_read_in_any_order_by_several_threads(web, disk, opened):
    source = opened(f"{web.url}/disk.img")
    with ThreadPoolExecutor(4) as pool:
        windows = pool.map(lambda index: source.read_window(index, 1), [4, 2, 0, 3, 1])
        for window in windows:
            start = window.start * BLOCK
            assert window.block(window.start) == disk[start : start + BLOCK]


def test_a_cut_connection_is_taken_up_where_it_was_cut(web, disk, opened, waits):
    source = opened(f"{web.url}/disk.img")
    web.script.extend([("cut", 700_000), ("cut", 100), 503, ("cut", 0)])
    window = source.read_window(0, 3)
    assert b"".join(window.block(index) for index in range(3)) == disk[: 3 * BLOCK]
    starts = [headers["Range"] for _, headers in web.requests[-5:]]
    assert starts[0] == f"bytes=0-{3 * BLOCK - 1}"
    assert starts[-1] != starts[0]
    assert len(waits) == 4


def test_attempts_are_bounded(web, opened, waits):
    source = opened(f"{web.url}/disk.img")
    web.script.extend([503] * 100)
    with pytest.raises(TemporaryError, match="503 Service Unavailable"):
        source.read_window(0, 1)
    assert len(waits) == len(_DELAYS_S)
    assert all(wait <= limit for wait, limit in zip(waits, _DELAYS_S, strict=True))


def test_another_version_is_noticed_in_the_middle_and_at_the_end(web, disk, opened):
    source = opened(f"{web.url}/disk.img")
    source.read_window(0, 1)
    web.etag = '"two"'
    with pytest.raises(SourceError, match=r"/disk\.img block 1: was replaced by another version"):
        source.read_window(1, 1)
    with pytest.raises(SourceError, match="replaced by another version"):
        source.check_unchanged()


def test_a_server_that_ignores_if_match_fools_nobody(web, disk, opened, monkeypatch):
    web.etag = 'W/"weak"'  # for which If-Match is not sent
    source = opened(f"{web.url}/disk.img")
    assert not source.reports_changes
    web.disk = disk + b"longer"
    with pytest.raises(SourceError, match="replaced by another version"):
        source.read_window(0, 1)


@pytest.mark.parametrize(
    ("etag", "vouches"),
    [
        ('"5f3a-one"', True),
        ('"d41d8cd98f00b204e9800998ecf8427e-12"', True),
        (None, False),
        ("", False),
        ('""', False),
        ('W/"one"', False),
        ('w/"one"', False),
        ("one", False),
        ('"one', False),
        ('"65920080-2c0000"', False),  # nginx: seconds and length
        ('"2c0000-60df1d9a6e2c0"', False),  # Apache: length and time
        ('"1f2e-2C0000-60df1d9a6e2c0"', False),  # Apache before 2.4, with the inode
    ],
)
def test_an_etag_vouches_if_it_is_strong_and_not_made_of_time_and_length(
    web, disk, opened, etag, vouches
):
    assert len(disk) == 0x2C0000
    web.etag = etag
    assert opened(f"{web.url}/disk.img").reports_changes is vouches


@pytest.mark.parametrize(
    ("query", "vouches"),
    [
        ("", True),
        ("?X-Amz-Algorithm=a&X-Amz-Credential=b&x-amz-signature=c", True),
        ("?AWSAccessKeyId=a&Expires=1&Signature=b&response-content-type=x", True),
        ("?sv=2024-01-01&sr=b&sp=r&se=2030&sig=a", True),
        ("?X-Goog-Signature=a&X-Goog-Expires=9", True),
        ("?id=2", False),
        ("?id=2&X-Amz-Signature=c", False),
        ("?versionId=7&X-Amz-Signature=c", False),
        ("?disk", False),
    ],
)
def test_an_address_whose_query_names_the_disk_vouches_for_nothing(web, opened, query, vouches):
    """The query is neither shown nor stored, so that the next run's disk may be another."""
    assert opened(f"{web.url}/disk.img{query}").reports_changes is vouches


def test_identity_is_address_version_and_length_without_the_signature(web, opened):
    signed = opened(f"{web.url}/disk.img?X-Amz-Signature=topsecret")
    plain = opened(f"{web.url}/disk.img")
    assert signed.identity.as_dict() == plain.identity.as_dict()
    assert "topsecret" not in str(signed.identity.as_dict()) + str(signed.path)
    assert web.requests[0][0].endswith("?X-Amz-Signature=topsecret")
    web.etag = '"two"'
    assert opened(f"{web.url}/disk.img").identity.as_dict() != plain.identity.as_dict()


@pytest.mark.parametrize(
    ("script", "error", "words"),
    [
        ([404], SourceError, "does not exist"),
        ([403], CredentialsError, "signed URL has expired"),
        ([418], SourceError, "cannot be read"),
        ([503] * 10, TemporaryError, "503"),
    ],
)
def test_what_cannot_be_read_is_reported_without_the_signature(web, opened, script, error, words):
    web.script.extend(script)
    with pytest.raises(error, match=words) as caught:
        opened(f"{web.url}/disk.img?signature=topsecret")
    assert "topsecret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_server_without_ranges_is_refused(web, opened):
    web.gives_ranges = False
    with pytest.raises(SourceError, match="no Range support"):
        opened(f"{web.url}/disk.img")


def test_nobody_there_is_an_outage_and_not_a_wait_for_ever(web, opened):
    url = web.url
    web.close()
    with pytest.raises(TemporaryError, match="The same command resumes"):
        opened(f"{url}/disk.img?signature=topsecret")
    web._server.server_close()


@pytest.mark.parametrize(
    "target",
    ["/moved/disk.img", "http://localhost:{port}/moved?x=1", "HTTP://localhost:{port}/moved"],
)
def test_a_redirect_is_followed(web, disk, opened, content, target):
    web.redirect = target.format(port=web.url.rpartition(":")[2])
    assert content(opened(f"{web.url}/disk.img"))[: len(disk)] == disk


@pytest.mark.parametrize(
    "target", ["/again", "http://192.0.2.1/x", "ftp://localhost/x", "s3://b/k"]
)
def test_a_redirect_that_leads_astray_is_refused(web, opened, target):
    web.redirect = target
    with pytest.raises(SourceError, match="redirects"):
        opened(f"{web.url}/disk.img")


def test_an_unencrypted_address_elsewhere_is_allowed_only_on_purpose(opened):
    from bulkput.source.remote.http import HttpTransport  # noqa: PLC0415

    transport = HttpTransport("https://192.0.2.1/x", allow_insecure_http=True)
    with pytest.raises(SourceError, match="not encrypted"):
        transport._require_allowed("https://192.0.2.1/x", "http://192.0.2.1/y")


def test_compressed_disks_are_read_from_afar(web, disk, opened, content):
    web.disk = gzip.compress(disk, 1)
    with pytest.raises(ConfigError, match="--volume-size-gib"):
        opened(f"{web.url}/disk.img.gz")
    source = opened(f"{web.url}/disk.img.gz", volume_size_gib=1)
    assert (source.format, source.kind, source.is_sequential) == ("gzip", "object", True)
    assert content(source)[: len(disk)] == disk
    source.check_unchanged()
    web.disk = web.disk[:-9]
    with pytest.raises(
        SourceError, match=r"^http://localhost:\d+/disk.img.gz block 5: .*cut short"
    ):
        content(opened(f"{web.url}/disk.img.gz", volume_size_gib=1))


def test_images_and_nothing_are_refused(web, opened):
    web.disk = b"QFI\xfb" + bytes(2000)
    with pytest.raises(SourceError, match="is a qcow2 image"):
        opened(f"{web.url}/disk.qcow2")
    assert opened(f"{web.url}/disk.qcow2", format="raw").format == "raw"
    for nothing in (b"", gzip.compress(b"")):
        web.disk = nothing
        with pytest.raises(SourceError, match="is empty"):
            opened(f"{web.url}/disk.img", volume_size_gib=1)


def test_certificates_are_verified(disk, opened, content, monkeypatch, tmp_path):
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server = RangeServer(disk, tls=context)
    try:
        with pytest.raises(ConfigError, match=r"not valid: unable .* AWS_CA_BUNDLE"):
            opened(f"{server.url}/disk.img", access=Access())
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        assert content(opened(f"{server.url}/disk.img"))[: len(disk)] == disk
    finally:
        server.close()
