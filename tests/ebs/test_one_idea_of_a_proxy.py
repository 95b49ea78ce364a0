"""Every client goes through the same proxy with the same password, and takes its no for one."""

import contextlib
import hashlib
import ssl

import pytest
import trustme
from moto.server import ThreadedMotoServer
from support.connect_proxy import ConnectProxy
from support.remote import RangeServer

import bulkput.emulator.server as server_module
from bulkput.ebs.aws_session import new_session
from bulkput.ebs.credentials import ChainCredentials, Credentials, StaticCredentials
from bulkput.ebs.deadlines import Deadlines
from bulkput.ebs.region import resolve_region
from bulkput.ebs.service import open_service
from bulkput.ebs.snapshot import StartRequest
from bulkput.emulator.options import EmulatorOptions
from bulkput.emulator.server import Emulator
from bulkput.model.clock import LoopClock
from bulkput.model.errors import CredentialsError, ServiceError
from bulkput.model.failure import FailureClass
from bulkput.source.open import open_source
from bulkput.source.remote.access import Access

KEYS = Credentials("AKIACANARY0000000000", "secret/canary/key", None)
PASSWORD = "al/ice:s3cr@t canary"
USER = "al%2Fice:s3cr%40t%20canary"
EBS, EC2 = "ebs.us-east-1.amazonaws.com", "ec2.us-east-1.amazonaws.com"


@contextlib.asynccontextmanager
async def aws(tmp_path, monkeypatch):
    """Serve the EBS direct APIs and EC2 under AWS's own names, by TLS, as a proxy leads to them."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setattr(server_module, "is_trusted", lambda *_: True)  # here it is AWS itself
    issued = authority.issue_cert(EBS, EC2)
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "chain.pem")
    options = EmulatorOptions(
        root=tmp_path / "store",
        access_key=KEYS.access_key,
        secret_key=KEYS.secret_key,
        tls_cert=tmp_path / "chain.pem",
        tls_key=tmp_path / "key.pem",
    )
    async with Emulator(options) as emulator:
        yield int(emulator.url.rpartition(":")[2])


def opened():
    return open_service(
        region="us-east-1",
        clock=LoopClock(),
        credentials=StaticCredentials(KEYS),
        deadlines=Deadlines(connect_s=5, control_s=10),
    )


@pytest.mark.parametrize(
    ("form", "user", "password"),
    [
        ("http://{}@{}", USER, PASSWORD),
        ("{}@{}", USER, PASSWORD),
        ("{}@{}", "j%C3%B6:%E2%82%AC", "jö:€"),
        ("{}@{}", "jö:€", "jö:€"),
        ("{}@{}", "token", "token:"),
    ],
)
async def test_both_planes_give_the_password(tmp_path, monkeypatch, block, form, user, password):
    async with aws(tmp_path, monkeypatch) as port:
        with ConnectProxy(port, password=password) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", form.format(user, proxy.address))
            async with opened() as service:
                assert service.is_aws
                started = await service.control.start_snapshot(StartRequest(1, "t"))
                digest = hashlib.sha256(block).digest()
                await service.data.put_block(started.snapshot_id, 0, memoryview(block), digest)
                assert await service.control.describe_snapshot(started.snapshot_id)
    assert {target for _, target in proxy.requests} == {f"{EBS}:443", f"{EC2}:443"}


@pytest.mark.parametrize("refuses", [403, 407])
async def test_a_no_of_the_proxy_is_final_and_asked_for_once(tmp_path, monkeypatch, block, refuses):
    with ConnectProxy(1, refuses=refuses) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url(USER))
        async with opened() as service:
            for _ in range(3):
                with pytest.raises(ServiceError, match=f"{proxy.address} refused") as caught:
                    await service.control.start_snapshot(StartRequest(1, "t"))
                assert caught.value.failure is FailureClass.PROXY_REFUSED
                assert caught.value.status == 4
                assert "canary" not in str(caught.value)
                assert "NO_PROXY" in caught.value.advice
            digest = hashlib.sha256(block).digest()
            with pytest.raises(ServiceError) as caught:
                await service.data.put_block("snap-0", 0, memoryview(block), digest)
            assert caught.value.failure is FailureClass.PROXY_REFUSED
    assert len(proxy.requests) == 1


async def test_the_data_plane_learns_of_a_no_in_mid_run(tmp_path, monkeypatch, block):
    async with aws(tmp_path, monkeypatch) as port:
        with ConnectProxy(port) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url())
            async with opened() as service:
                started = await service.control.start_snapshot(StartRequest(1, "t"))
                proxy.refuses = 407
                digest = hashlib.sha256(block).digest()
                for _ in range(2):
                    with pytest.raises(ServiceError, match="407") as caught:
                        await service.data.put_block(
                            started.snapshot_id, 0, memoryview(block), digest
                        )
                    assert caught.value.failure is FailureClass.PROXY_REFUSED
    assert len(proxy.requests) == 2


@pytest.fixture
def disk():
    return bytes(range(256)) * 4096


@pytest.mark.parametrize("bare", [True, False], ids=["host:port", "url"])
def test_an_https_disk_comes_through_the_proxy(disk, monkeypatch, tmp_path, bare):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("disks.example").configure_cert(context)
    web = RangeServer(disk, tls=context)
    port = int(web.url.rpartition(":")[2])
    try:
        with ConnectProxy(port, password=PASSWORD) as proxy:
            address = proxy.url(USER)
            monkeypatch.setenv("https_proxy", address.partition("://")[2] if bare else address)
            source = open_source("https://disks.example/disk.img")
            assert source.read_window(0, 1).block(0) == disk[:524_288]
            monkeypatch.setenv("https_proxy", proxy.url("al:wrong"))  # of another connection
            asked = len(proxy.requests)
            for _ in range(3):
                with pytest.raises(CredentialsError, match="407"):
                    source.read_window(0, 1)
            assert len(proxy.requests) == asked + 1
            source.close()
            monkeypatch.setenv("https_proxy", proxy.url("al:wrongcanary"))
            asked = len(proxy.requests)
            with pytest.raises(CredentialsError, match="407") as caught:
                open_source("https://disks.example/disk.img")
            assert "canary" not in str(caught.value)
            assert len(proxy.requests) == asked + 1
    finally:
        web.close()


def test_a_plain_disk_on_purpose_and_its_proxy(disk, monkeypatch):
    web = RangeServer(disk)
    port = int(web.url.rpartition(":")[2])
    access = Access(allow_insecure_http=True)
    try:
        with ConnectProxy(port, password=PASSWORD) as proxy:
            monkeypatch.setenv("http_proxy", proxy.url(USER))
            source = open_source("http://disks.example/disk.img", access=access)
            assert source.read_window(0, 1).block(0) == disk[:524_288]
            source.close()
            monkeypatch.setenv("http_proxy", proxy.url())
            with pytest.raises(CredentialsError, match="407"):
                open_source("http://disks.example/disk.img", access=access)
    finally:
        web.close()


def test_s3_goes_the_same_way(disk, monkeypatch):
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    try:
        host, port = moto.get_host_and_port()
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAMOTO")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        import boto3  # noqa: PLC0415 - of this test alone

        s3 = boto3.client("s3", region_name="us-east-1", endpoint_url=f"http://{host}:{port}")
        s3.create_bucket(Bucket="disks")
        s3.put_object(Bucket="disks", Key="disk", Body=disk)
        s3.close()
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://s3.us-east-1.amazonaws.com")
        access = Access(region="us-east-1", allow_insecure_http=True)
        with ConnectProxy(port, password=PASSWORD) as proxy:
            monkeypatch.setenv("HTTP_PROXY", f"{USER}@{proxy.address}")
            source = open_source("s3://disks/disk", access=access)
            assert source.read_window(0, 1).block(0) == disk[:524_288]
            source.close()
            for user, proxy.password in (("j%C3%B6:%E2%82%AC", "jö:€"), ("token", "token:")):
                monkeypatch.setenv("HTTP_PROXY", f"{user}@{proxy.address}")
                open_source("s3://disks/disk", access=access).close()
            monkeypatch.setenv("HTTP_PROXY", proxy.url())
            asked = len(proxy.requests)
            with pytest.raises(CredentialsError, match="407"):
                open_source("s3://disks/disk", access=access)
            monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://s3.us-east-1.amazonaws.com")
            monkeypatch.setenv("HTTPS_PROXY", proxy.url("to:ken"))
            with pytest.raises(CredentialsError, match="407"):
                open_source("s3://disks/disk", access=access)
            assert len(proxy.requests) == asked + 2
            # A server on this machine has none.
            monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://{host}:{port}")
            open_source("s3://disks/disk", access=access).close()
            assert len(proxy.requests) == asked + 2
            monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://s3.us-east-1.amazonaws.com")
            monkeypatch.setenv("HTTP_PROXY", f"{USER}@{proxy.address}")
            proxy.password = PASSWORD
            source = open_source("s3://disks/disk", access=access)
            proxy.refuses = 407
            asked = len(proxy.requests)
            for _ in range(3):
                with pytest.raises(CredentialsError, match="407"):
                    source.read_window(0, 1)
            assert len(proxy.requests) == asked + 1
            source.close()
    finally:
        moto.stop()


async def test_the_metadata_service_is_never_asked_through_a_proxy(lab, monkeypatch):
    async def imds(peer):
        while True:
            request = await peer.request()
            path = request.line.split()[1]
            if path.endswith("token"):
                body = b"token"
            elif "availability-zone" in path:
                body = b"eu-north-1b"
            elif path.endswith("security-credentials/"):
                body = b"role"
            else:
                body = (
                    b'{"Code":"Success","AccessKeyId":"AKIAIMDS","SecretAccessKey":"s",'
                    b'"Token":"t","Expiration":"2099-01-01T00:00:00Z"}'
                )
            await peer.answer(200, {}, body)

    async with lab.serving(imds) as server:
        with ConnectProxy(1) as proxy:
            for name in ("http_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
                monkeypatch.setenv(name, proxy.url())
            monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
            monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url)
            assert await resolve_region(new_session(None), None, {}) == "eu-north-1"
            chain = ChainCredentials(lambda: new_session(None), lambda: 0.0)
            assert (await chain.current()).access_key == "AKIAIMDS"
        assert proxy.requests == []


async def test_the_credential_chain_has_the_same_proxy_and_its_no(monkeypatch, tmp_path):
    """STS, which a web identity asks."""
    (tmp_path / "token").write_text("a.jwt.token")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/r")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with ConnectProxy(1, password=PASSWORD) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"al:canary@{proxy.address}")
        chain = ChainCredentials(lambda: new_session(None), lambda: 0.0)
        with pytest.raises(ServiceError, match=r"refused the way to sts\.us-east-1.*407") as no:
            await chain.current()
        assert no.value.status == 4
        assert "canary" not in str(no.value)
    assert proxy.requests == [("CONNECT", "sts.us-east-1.amazonaws.com:443")]
