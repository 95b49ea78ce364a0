"""S3 sources against moto's server: ranges of one version, through cut connections."""

from http.server import BaseHTTPRequestHandler

import boto3
import pytest
from moto.server import ThreadedMotoServer
from support.remote import CuttingProxy
from support.web_server import WebServer

from bulkput.model.address import parse_address
from bulkput.model.errors import ConfigError, CredentialsError, SourceError
from bulkput.source.remote.access import Access
from bulkput.source.remote.s3 import S3Transport
from bulkput.source.remote.transport import PassingError

BLOCK = 524_288
BUCKET = "disks"


@pytest.fixture(scope="module")
def moto():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield server.get_host_and_port()
    server.stop()


@pytest.fixture
def s3(moto, monkeypatch):
    url = "http://{}:{}".format(*moto)
    for name, value in {
        "AWS_ENDPOINT_URL_S3": url,
        "AWS_ACCESS_KEY_ID": "AKIAMOTO",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket=BUCKET)
    yield client
    versions = client.list_object_versions(Bucket=BUCKET).get("Versions", [])
    for each in versions:
        client.delete_object(Bucket=BUCKET, Key=each["Key"], VersionId=each["VersionId"])
    client.delete_bucket(Bucket=BUCKET)
    client.close()


@pytest.fixture
def address(s3, disk):
    s3.put_object(Bucket=BUCKET, Key="a folder/disk.img", Body=disk)
    return f"s3://{BUCKET}/a folder/disk.img"


def test_an_object_is_read_in_ranges(address, disk, opened, content):
    source = opened(address, access=Access(region="us-east-1"))
    assert (source.kind, source.path, source.reports_changes) == ("object", address, True)
    assert content(source)[: len(disk)] == disk
    source.check_unchanged()
    assert source.identity.as_dict()["etag"]


def test_cut_connections_are_taken_up(moto, address, disk, opened, content, monkeypatch, waits):
    proxy = CuttingProxy(moto[1], cuts=3, at_bytes=300_000)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{proxy.port}")
    try:
        source = opened(address)
        assert content(source, window_blocks=4)[: len(disk)] == disk
    finally:
        source.close()
        proxy.close()
    assert proxy.cuts == 0
    assert len(waits) >= 3


def test_an_object_that_is_replaced_is_noticed(s3, address, opened):
    source = opened(address)
    source.read_window(0, 1)
    s3.put_object(Bucket=BUCKET, Key="a folder/disk.img", Body=b"x" * 9 * BLOCK)
    with pytest.raises(SourceError, match="replaced by another version"):
        source.read_window(1, 1)
    with pytest.raises(SourceError, match="replaced by another version"):
        source.check_unchanged()


def test_a_version_of_a_versioned_bucket_stays_readable(s3, disk, opened, content):
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=BUCKET, Key="disk", Body=disk)
    source = opened(f"s3://{BUCKET}/disk")
    s3.put_object(Bucket=BUCKET, Key="disk", Body=b"new")
    assert content(source)[: len(disk)] == disk


def test_what_is_not_there_is_reported(s3, address, opened):
    with pytest.raises(SourceError, match="does not exist"):
        opened(f"s3://{BUCKET}/none")
    with pytest.raises(SourceError, match="does not exist"):
        opened("s3://no-such-bucket/none")
    s3.put_object(Bucket=BUCKET, Key="empty", Body=b"")
    with pytest.raises(SourceError, match="is empty"):
        opened(f"s3://{BUCKET}/empty")


def test_without_credentials_or_profile_the_error_says_so(address, opened, monkeypatch):
    with pytest.raises(CredentialsError, match="nobody"):
        opened(address, access=Access(profile="nobody"))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(CredentialsError, match="credentials"):
        opened(address)


def test_an_unencrypted_endpoint_elsewhere_takes_a_word(monkeypatch, address, opened):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://192.0.2.1:9000")
    with pytest.raises(ConfigError, match="expected https"):
        opened(address)


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (307, {"Location": "http://127.0.0.1:1/elsewhere"}),
        (301, {"x-amz-bucket-region": "evil.example/#", "Location": "http://127.0.0.1:1/"}),
        (301, {"x-amz-bucket-region": "eu-west-1"}),
    ],
)
def test_redirects_lead_neither_elsewhere_nor_in_circles(monkeypatch, status, headers):
    asked = []

    class Redirects(BaseHTTPRequestHandler):
        def do_any(self):
            asked.append(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        do_GET = do_HEAD = do_any  # noqa: N815 - as http.server has them

        def log_message(self, *_):
            """Write nothing."""

    server = WebServer(Redirects)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAMOTO")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    transport = S3Transport(parse_address("s3://bucket/key"), Access(region="us-east-1"))
    try:
        with pytest.raises((PassingError, SourceError)):
            transport.get(0, 10, None)
    finally:
        transport.close()
        server.close()
    assert 0 < len(asked) <= 6
