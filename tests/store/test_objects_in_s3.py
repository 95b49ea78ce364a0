"""The store's requests against moto's S3, which checks conditions and checksums as S3 does."""

import contextlib
from http.server import BaseHTTPRequestHandler

import pytest
from support.s3 import BUCKET, moto_s3
from support.web_server import WebServer

from bulkput.config.service import ServiceSettings
from bulkput.ebs.credentials import Credentials, StaticCredentials
from bulkput.jobs.session.state_store import open_state_store
from bulkput.model.clock import LoopClock
from bulkput.model.errors import AnswerError, ConfigError, ServiceError
from bulkput.model.failure import FailureClass
from bulkput.store.address import store_address
from bulkput.store.object_store import ABSENT, ConditionFailedError
from bulkput.store.s3 import S3Store
from bulkput.store.s3_place import find_s3
from bulkput.store.s3_requests import S3Requests

KEYS = StaticCredentials(Credentials("AKIAMOTO", "secret"))


@pytest.fixture(scope="module")
def moto():
    with moto_s3() as server:
        yield server


@pytest.fixture
def s3(moto, monkeypatch):
    for name, value in {
        "AWS_ENDPOINT_URL_S3": moto.url,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    yield moto
    moto.empty()


ADDRESS = store_address(f"s3://{BUCKET}/some/prefix")


@contextlib.asynccontextmanager
async def opened_requests(address=ADDRESS):
    place = await find_s3(region="us-east-1", profile=None, allow_insecure_http=False)
    async with S3Requests(address, place, credentials=KEYS, clock=LoopClock()) as requests:
        yield requests


@contextlib.asynccontextmanager
async def opened(address=ADDRESS):
    async with opened_requests(address) as requests:
        yield S3Store(address, requests)


async def test_an_object_is_written_read_listed_and_removed(s3):
    async with opened() as store:
        assert await store.get("uploads/a", size_max_bytes=10) is None
        etag = await store.put("uploads/a", memoryview(b"content"))
        found = await store.get("uploads/a", size_max_bytes=10)
        assert (found.content, found.etag) == (b"content", etag)
        assert found.age_s < 60
        assert s3.read("some/prefix/uploads/a") == b"content"
        listed = [each async for each in store.list_objects("uploads/")]
        assert [(each.key, each.size_bytes) for each in listed] == [("uploads/a", 7)]
        assert listed[0].age_s < 60
        await store.delete("uploads/a")
        await store.delete("uploads/a")
        assert [each async for each in store.list_objects("")] == []


async def test_a_condition_is_kept(s3):
    async with opened() as store:
        first = await store.put("lock", memoryview(b"1"), if_match=ABSENT)
        with pytest.raises(ConditionFailedError):
            await store.put("lock", memoryview(b"2"), if_match=ABSENT)
        second = await store.put("lock", memoryview(b"2"), if_match=first)
        with pytest.raises(ConditionFailedError):
            await store.put("lock", memoryview(b"3"), if_match=first)
        await store.delete("lock")
        with pytest.raises(ConditionFailedError):
            await store.put("lock", memoryview(b"4"), if_match=second)


async def test_more_than_it_can_have_is_not_read(s3):
    async with opened() as store:
        await store.put("big", memoryview(b"x" * 100_000))
        with pytest.raises(AnswerError, match="more bytes"):
            await store.get("big", size_max_bytes=1000)


async def test_a_bucket_that_does_not_exist_is_named(s3):
    async with opened(store_address("s3://no-such-bucket-here/x")) as store:
        with pytest.raises(ConfigError, match="state_store: expected a bucket that exists"):
            await store.get("a", size_max_bytes=10)
        with pytest.raises(ConfigError):
            await store.put("a", memoryview(b"x"))


async def test_the_store_of_a_job_repeats_what_fails(s3):
    settings = ServiceSettings(state_store=f"s3://{BUCKET}/j", store_interval=5.0)
    clock = LoopClock()
    async with open_state_store(
        settings, region="us-east-1", clock=clock, warn=print, credentials=KEYS
    ) as store:
        assert store.interval_s == 5.0
        await store.objects.put("a", memoryview(b"x"))
        assert (await store.objects.get("a", size_max_bytes=9)).content == b"x"
        assert [each.key async for each in store.objects.list_objects("")] == ["a"]
        await store.objects.delete("a")


class Failing(WebServer):
    """Answers what it is told, one after the other; keeps what was asked."""

    def __init__(self, answers):
        self.answers = list(answers)
        self.asked = []
        super().__init__(_Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Write nothing."""

    def do_any(self):
        self.server.asked.append((self.command, self.path, dict(self.headers)))
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, headers, body = self.server.answers.pop(0)
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_DELETE = do_any  # noqa: N815 - as http.server has them


@pytest.fixture
def failing(s3, monkeypatch):
    servers = []

    def start(*answers):
        servers.append(Failing(answers))
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", servers[-1].url)
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def refusal(code, message="m"):
    text = f"<Code>{code}</Code><Message>{message}</Message>"
    return f"<?xml version='1.0'?><Error>{text}</Error>".encode()


@pytest.mark.parametrize(
    ("status", "code", "failure"),
    [
        (500, "InternalError", FailureClass.TRANSIENT),
        (503, "SlowDown", FailureClass.TRANSIENT),
        (403, "AccessDenied", FailureClass.ACCESS_DENIED),
        (403, "RequestTimeTooSkewed", FailureClass.SIGNATURE),
        (403, "SignatureDoesNotMatch", FailureClass.SIGNATURE),
        (400, "ExpiredToken", FailureClass.SIGNATURE),
        (400, "BadDigest", FailureClass.INVALID),
        (501, "NotImplemented", FailureClass.INVALID),
    ],
)
async def test_a_refusal_has_its_class(failing, status, code, failure):
    failing((status, {"Date": "Sun, 29 Nov 2026 00:00:00 GMT"}, refusal(code)))
    async with opened() as store:
        with pytest.raises(ServiceError) as caught:
            await store.put("a", memoryview(b"x"))
    assert (caught.value.failure, caught.value.code) == (failure, code)
    assert "s3://states/some/prefix/a: m" in str(caught.value)


async def test_a_condition_that_nobody_set_is_a_refusal(failing):
    failing((412, {}, refusal("PreconditionFailed")))
    async with opened() as store:
        with pytest.raises(ServiceError, match="PreconditionFailed"):
            await store.put("a", memoryview(b"x"))


async def test_a_clock_that_is_wrong_is_adopted(failing):
    date = "Sun, 29 Nov 2020 00:00:00 GMT"
    server = failing(
        (403, {"Date": date}, refusal("RequestTimeTooSkewed")), (200, {"ETag": '"e"'}, b"")
    )
    async with opened_requests() as requests:
        store = S3Store(ADDRESS, requests)
        with pytest.raises(ServiceError) as caught:
            await store.put("a", memoryview(b"x"))
        await requests.recover(caught.value)
        await store.put("a", memoryview(b"x"))
    assert server.asked[1][2]["X-Amz-Date"].startswith("20201129T0000")


async def test_every_object_carries_its_checksum_and_is_held_to_it(failing):
    server = failing(
        (200, {"ETag": '"e"'}, b""),
        (200, {"ETag": '"e"', "x-amz-checksum-sha256": "AAAA"}, b"other"),
    )
    async with opened() as store:
        await store.put("a", memoryview(b"abc"))
        with pytest.raises(ServiceError, match="are not what the checksum says"):
            await store.get("a", size_max_bytes=10)
    put, get = server.asked
    assert put[2]["x-amz-checksum-sha256"] == "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="
    assert get[2]["x-amz-checksum-mode"] == "ENABLED"


def page(*keys, token=None):
    items = "".join(
        f"<Contents><Key>some/prefix/{key}</Key><LastModified>2026-11-29T00:00:00.000Z"
        f"</LastModified><Size>7</Size></Contents>"
        for key in keys
    )
    more = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    cut = "true" if token else "false"
    text = f"<IsTruncated>{cut}</IsTruncated>{more}{items}"
    return f"<ListBucketResult>{text}</ListBucketResult>".encode()


async def test_lists_go_on_over_pages(failing):
    date = {"Date": "Sun, 29 Nov 2026 00:01:00 GMT"}
    server = failing((200, date, page("a", "b", token="t+/=")), (200, date, page("c&amp;d")))
    async with opened() as store:
        listed = [each async for each in store.list_objects("")]
    assert [each.key for each in listed] == ["a", "b", "c&d"]
    assert {each.age_s for each in listed} == {60.0}
    assert "continuation-token=t%2B%2F%3D&list-type=2&prefix=some%2Fprefix%2F" in server.asked[1][1]


async def test_who_may_list_only_the_prefix_is_refused_what_is_not_there(failing):
    denied = (403, {}, refusal("AccessDenied"))
    failing(denied, (200, {}, page("other")), denied, (200, {}, page("a")), denied, denied)
    async with opened() as store:
        assert await store.get("a", size_max_bytes=9) is None
        for _ in range(2):  # it is there; nobody may list
            with pytest.raises(ServiceError, match="AccessDenied"):
                await store.get("a", size_max_bytes=9)
