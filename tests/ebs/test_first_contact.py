"""Before the first answer a mistake is named within seconds; afterwards an outage may pass."""

import ssl
from urllib.parse import urlsplit

import pytest
import trustme
from support.connect_proxy import ConnectProxy

from bulkput.ebs.credentials import Credentials, StaticCredentials
from bulkput.ebs.deadlines import Deadlines
from bulkput.ebs.service import open_service
from bulkput.ebs.snapshot import StartRequest
from bulkput.model.clock import LoopClock
from bulkput.model.errors import ConfigError, CredentialsError, ServiceError
from bulkput.model.failure import FailureClass

KEYS = Credentials("A", "S")


async def failure(*, region="us-east-1", operation="StartSnapshot", **more):
    async with open_service(
        region=region,
        clock=LoopClock(),
        credentials=StaticCredentials(KEYS),
        deadlines=Deadlines(connect_s=2, control_s=5),
        **more,
    ) as service:
        call = service.control.start_snapshot(StartRequest(1, "t"))
        if operation != "StartSnapshot":
            call.close()
            call = service.control.describe_snapshot("snap-0123456789abcdef0")
        with pytest.raises((ServiceError, ConfigError, CredentialsError)) as caught:
            await call
    return caught.value


async def test_a_region_that_does_not_exist_is_named_with_the_nearest():
    error = await failure(region="eu-wst-1")
    assert (error.failure, error.status) == (FailureClass.NO_SUCH_HOST, 3)
    assert "ebs.eu-wst-1.amazonaws.com cannot be resolved" in str(error)
    assert "is eu-west-1 meant?" in str(error)


async def test_a_region_that_is_known_is_not_doubted():
    error = await failure(region="eu-west-1")
    assert error.failure in {FailureClass.NO_SUCH_HOST, FailureClass.UNREACHABLE}
    assert "DNS" in error.advice
    assert "meant" not in str(error)


async def test_an_endpoint_whose_name_is_wrong():
    error = await failure(endpoint_url="https://nowhere.invalid")
    assert error.status == 3
    assert "AWS_ENDPOINT_URL" in error.advice


async def test_a_port_that_refuses():
    error = await failure(endpoint_url="http://127.0.0.1:9")
    assert (error.failure, error.status) == (FailureClass.UNREACHABLE, 5)
    assert "127.0.0.1:9: the connection could not be made" in str(error)
    assert "Check the endpoint 127.0.0.1:9 and its port" in error.advice


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http://proxy.invalid:3128"])
async def test_a_proxy_that_is_not_there(monkeypatch, address):
    monkeypatch.setenv("HTTPS_PROXY", address)
    error = await failure()
    assert error.status == (5 if "127" in address else 3)
    assert address.partition("://")[2] in str(error)
    assert "HTTPS_PROXY" in error.advice


async def test_a_proxy_that_cannot_connect_anywhere(monkeypatch):
    with ConnectProxy(1, refuses=404) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url())
        error = await failure()
    assert error.failure is FailureClass.UNREACHABLE
    assert "answered 404" in str(error)


async def refuses_http(peer):
    await peer.request()
    await peer.answer(400, {}, b"Client sent an HTTP request to an HTTPS server.\n")


async def test_http_at_a_tls_port_and_tls_at_an_http_port(lab):
    async with lab.serving(refuses_http) as server:
        error = await failure(endpoint_url=server.url)
        assert isinstance(error, ConfigError)
        assert "expected https://" in str(error)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    async with lab.serving(refuses_http, tls=context) as server:
        error = await failure(endpoint_url=server.url.replace("https", "http"))
        assert error.failure is FailureClass.UNREACHABLE
        assert "is it one for https?" in error.advice
    async with lab.serving(answers_as_a_web_server) as server:
        error = await failure(endpoint_url=server.url.replace("http", "https"))
        assert isinstance(error, ConfigError)
        assert "speaks TLS" in str(error)


async def answers_as_a_web_server(peer):
    await peer.reader.read(1)
    await peer.answer(400, {}, b"<html>Bad Request</html>")


PAGE = b"<html><title>Not found</title><body>nginx</body></html>"


@pytest.mark.parametrize(
    ("http_status", "body", "words"),
    [
        (404, PAGE, "404 Not Found: Not found nginx"),
        (405, b"", "405 Method Not Allowed: an answer without a message"),
        (400, b'{"error": "no such route"}', "400 Bad Request"),
        (410, b"\0\x1b[31m", "410 Gone: ??[31m"),
        (299 + 3, PAGE, "302 Found: a redirect, and"),
        (499, PAGE, "499: Not found nginx"),
    ],
)
@pytest.mark.parametrize("operation", ["StartSnapshot", "DescribeSnapshots"])
async def test_a_web_server_in_the_services_place(lab, http_status, body, words, operation):
    async def answers(peer):
        await peer.request()
        await peer.answer(http_status, {"Content-Type": "text/html"}, body)

    async with lab.serving(answers) as server:
        error = await failure(endpoint_url=server.url, operation=operation)
    assert error.status == 3
    assert f"endpoint: expected the AWS API at {server.url}: what answers there" in str(error)
    assert words in str(error)


@pytest.mark.parametrize("http_status", [401, 403])
@pytest.mark.parametrize("body", [PAGE, b'{"message": "Forbidden"}'])
async def test_a_portal_that_wants_a_login(lab, http_status, body):
    async def answers(peer):
        await peer.request()
        await peer.answer(http_status, {"Content-Type": "text/html"}, body)

    async with lab.serving(answers) as server:
        error = await failure(endpoint_url=server.url)
    assert error.status == 4
    assert f"{server.url} refused ({http_status} " in str(error)
    assert "no AWS service's: check the endpoint" in str(error)


@pytest.mark.parametrize(
    ("headers", "body", "failure_class"),
    [
        ({"x-amzn-ErrorType": "AccessDeniedException"}, b"{}", FailureClass.ACCESS_DENIED),
        ({}, b'{"__type": "AccessDeniedException"}', FailureClass.ACCESS_DENIED),
        (
            {},
            b"<Response><Errors><Error><Code>UnauthorizedOperation</Code></Error></Errors></Response>",
            FailureClass.ACCESS_DENIED,
        ),
    ],
)
async def test_a_first_refusal_that_names_its_code_is_the_services(
    lab, headers, body, failure_class
):
    async def answers(peer):
        await peer.request()
        await peer.answer(403, headers, body)

    is_xml = body.startswith(b"<")
    operation = "DescribeSnapshots" if is_xml else "StartSnapshot"
    async with lab.serving(answers) as server:
        error = await failure(endpoint_url=server.url, operation=operation)
    assert error.failure is failure_class


async def test_after_an_answer_the_same_failures_may_pass(lab):
    async def starts(peer):
        await peer.request()
        await peer.answer(400, {"x-amzn-ErrorType": "ThrottlingException"}, b'{"message":"slow"}')
        peer.writer.close()

    async def closes(peer):
        await peer.request()
        peer.writer.close()

    async with (
        lab.serving(starts, closes) as server,
        open_service(
            region="us-east-1",
            clock=LoopClock(),
            endpoint_url=server.url,
            credentials=StaticCredentials(KEYS),
            deadlines=Deadlines(connect_s=2, control_s=5),
        ) as service,
    ):
        for expected in (FailureClass.THROTTLED_ACCOUNT, FailureClass.TRANSIENT):
            with pytest.raises(ServiceError) as caught:
                await service.control.start_snapshot(StartRequest(1, "t"))
            assert caught.value.failure is expected


async def test_what_one_host_has_answered_says_nothing_of_another(lab, monkeypatch):
    async def throttles(peer):
        await peer.request()
        await peer.answer(400, {"x-amzn-ErrorType": "ThrottlingException"}, b'{"message":"slow"}')

    async with lab.serving(throttles) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_EBS", server.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", "https://nowhere.invalid")
        async with open_service(
            region="us-east-1", clock=LoopClock(), credentials=StaticCredentials(KEYS)
        ) as service:
            with pytest.raises(ServiceError):
                await service.control.start_snapshot(StartRequest(1, "t"))
            for is_answered, expected in (
                (False, FailureClass.NO_SUCH_HOST),
                (True, FailureClass.TRANSIENT),
            ):
                if is_answered:  # as another process of the run has seen
                    service.note_answered()
                with pytest.raises(ServiceError) as caught:
                    await service.control.describe_snapshot("snap-0123456789abcdef0")
                assert caught.value.failure is expected


async def test_the_region_of_another_client_is_doubted_by_its_own_name():
    async with open_service(
        region="eu-west-1", clock=LoopClock(), credentials=StaticCredentials(KEYS)
    ) as service:
        with pytest.raises(ServiceError, match=r"is eu-central-1 meant\?"):
            await service.open_client("ec2", "eu-centrl-1").call("DescribeRegions", {})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"__type":"UnauthorizedOperation","message":"no"}', FailureClass.ACCESS_DENIED),
        (b'{"Error":{"Code":"RequestLimitExceeded","Message":"no"}}', "throttled"),
        (b"<html><body>forbidden<br></html>", FailureClass.ACCESS_DENIED),
        (b"", FailureClass.ACCESS_DENIED),
    ],
)
async def test_a_refusal_of_ec2_in_a_foreign_form_is_read(lab, body, expected):
    async def refuses(peer):
        while True:
            await peer.request()
            await peer.answer(403, {}, body)

    async with (
        lab.serving(refuses) as server,
        open_service(
            region="us-east-1",
            clock=LoopClock(),
            endpoint_url=server.url,
            credentials=StaticCredentials(KEYS),
        ) as service,
    ):
        service.control._learned.note_answer(urlsplit(server.url).netloc)
        with pytest.raises(ServiceError) as caught:
            await service.control.pending_snapshots_page("bulkput")
    if expected == "throttled":
        expected = FailureClass.THROTTLED_ACCOUNT
    assert caught.value.failure is expected
    assert caught.value.http_status == 403


async def test_a_key_that_is_refused_is_named(lab):
    arn = "arn:aws:kms:us-east-1:111122223333:key/1234abcd"

    async def refuses(peer):
        while True:
            await peer.request()
            kind = {"x-amzn-ErrorType": "ValidationException:http://internal.amazon.com/"}
            body = b'{"Message":"The key is not usable","Reason":"INVALID_DEPENDENCY_REQUEST"}'
            await peer.answer(400, kind, body)

    async with (
        lab.serving(refuses) as server,
        open_service(
            region="us-east-1",
            clock=LoopClock(),
            endpoint_url=server.url,
            credentials=StaticCredentials(KEYS),
        ) as service,
    ):
        request = StartRequest(1, "t", kms_key_arn=arn, encrypted=True)
        with pytest.raises(ServiceError, match=f"The KMS key {arn} must") as caught:
            await service.control.start_snapshot(request)
        assert (caught.value.failure, caught.value.status) == (FailureClass.KEY_UNUSABLE, 4)
        service.control._learned.note_key("snap-00000000000000001", arn)
        with pytest.raises(ServiceError, match=f"The KMS key {arn} must"):
            await service.control.list_blocks_page("snap-00000000000000001")
        with pytest.raises(ServiceError, match=f"The KMS key {arn} must"):
            await service.data.get_block("snap-00000000000000001", 0, "AAAA")
