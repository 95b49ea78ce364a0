"""Which hosts are the service's, what their answers say of others, and in which Region one is."""

import pytest

from bulkput.ebs.credentials import Credentials, StaticCredentials
from bulkput.ebs.service import open_service
from bulkput.ebs.snapshot import StartRequest
from bulkput.model.clock import LoopClock
from bulkput.model.errors import ConfigError, ServiceError
from bulkput.model.failure import FailureClass
from bulkput.network.partitions import region_in

KEYS = Credentials("A", "S")


async def test_who_gives_keys_is_not_the_service():
    async with open_service(
        region="us-east-1", clock=LoopClock(), credentials=StaticCredentials(KEYS)
    ) as service:
        learned = service.control._learned
        learned.note_answer("sts.us-east-1.amazonaws.com")
        assert not service.has_answered
        learned.note_answer("ec2.us-east-1.amazonaws.com")
        assert service.has_answered


async def test_an_answer_without_a_code_is_nobodys(lab):
    async def fails(peer):
        await peer.request()
        await peer.answer(500, {}, b"<html>nginx</html>")
        peer.writer.close()

    async def closes(peer):
        await peer.request()
        peer.writer.close()

    async with (
        lab.serving(fails, closes) as server,
        open_service(
            region="us-east-1",
            clock=LoopClock(),
            credentials=StaticCredentials(KEYS),
            endpoint_url=server.url,
            allow_insecure_http=True,
        ) as service,
    ):
        for expected in (FailureClass.TRANSIENT, FailureClass.UNREACHABLE):
            with pytest.raises(ServiceError) as caught:
                await service.control.start_snapshot(StartRequest(1, "t"))
            assert caught.value.failure is expected


async def test_a_page_of_one_host_is_explained_whatever_another_has_answered(lab, monkeypatch):
    async def throttles(peer):
        await peer.request()
        await peer.answer(400, {"x-amzn-ErrorType": "ThrottlingException"}, b'{"message":"slow"}')

    async def page(peer):
        await peer.request()
        await peer.answer(200, {"Content-Type": "text/html"}, b"<html><br></html>")

    async with lab.serving(throttles) as server, lab.serving(page) as other:
        monkeypatch.setenv("AWS_ENDPOINT_URL_EBS", server.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", other.url)
        async with open_service(
            region="us-east-1", clock=LoopClock(), credentials=StaticCredentials(KEYS)
        ) as service:
            with pytest.raises(ServiceError):
                await service.control.start_snapshot(StartRequest(1, "t"))
            with pytest.raises(ConfigError, match="expected the AWS API"):
                await service.control.describe_snapshot("snap-0123456789abcdef0")


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("ebs.eu-wst-1.amazonaws.com", "eu-wst-1"),
        ("disks.s3.dualstack.eu-west-1.amazonaws.com", "eu-west-1"),
        ("s3.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("disks.s3-us-west-2.amazonaws.com", ""),
        ("disks.s3-accelerate.amazonaws.com", ""),
        ("sts.amazonaws.com", ""),
        ("ebs.eu-west-1.example.com", ""),
    ],
)
def test_the_region_that_a_name_is_in(host, region):
    assert region_in(host) == region
