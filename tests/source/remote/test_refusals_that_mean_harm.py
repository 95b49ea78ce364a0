"""What surrounds a disk: refusals, trailers, headers, keys. It is bounded, and not shown raw."""

import io
import threading
from http.client import HTTPException

import pytest
from botocore.exceptions import TokenRetrievalError
from support.raw_server import ENDLESS_MAX, RawServer

from bulkput.model.address import parse_address
from bulkput.model.errors import CredentialsError, SourceError
from bulkput.source.remote.access import Access
from bulkput.source.remote.http import HttpTransport
from bulkput.source.remote.response_head import _BoundedFile
from bulkput.source.remote.s3 import S3Transport
from bulkput.source.remote.transport import PassingError

KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"}
HEAD = "HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-99/4194304\r\n"
CHUNKED = f"{HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n"


class Scripted:
    """A server that answers as the test at hand has it, and its clients."""

    def __init__(self):
        self.answer = None
        self.is_over = threading.Event()
        self.server = RawServer(self._serve)
        self.transports = {"https": HttpTransport(f"{self.url}/disk", allow_insecure_http=True)}

    @property
    def url(self):
        return self.server.url

    def failure(self, answer, scheme="s3"):
        """Return the error of a range, read to its end; nothing in it may steer a terminal."""
        self.answer = answer
        self.server.sent = 0
        self.is_over.clear()
        try:
            with pytest.raises((PassingError, SourceError, CredentialsError)) as caught:
                self._read(self.transports[scheme].get(0, 100, None))
        finally:
            self.is_over.set()
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 1000
        assert self.server.sent < ENDLESS_MAX
        return caught.value

    def _serve(self, server, connection, head):
        self.answer(server, connection, head)

    def _read(self, response):
        try:
            while response.read(100):
                pass
        finally:
            response.close()

    def drip(self, connection):
        """Send a byte now and then, until the client has had enough."""
        while not self.is_over.wait(0.01):
            self.server.send(connection, b"x")


@pytest.fixture(scope="module")
def kept():
    scripted = Scripted()
    yield scripted
    for each in scripted.transports.values():
        each.close()
    scripted.server.close()


@pytest.fixture
def aws(kept, monkeypatch):
    """Let botocore find the server, and no keys yet."""
    for name in (*KEYS, "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", kept.url)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")


@pytest.fixture
def scripted(kept, aws, monkeypatch):
    if "s3" not in kept.transports:
        for name, value in KEYS.items():
            monkeypatch.setenv(name, value)
        kept.transports["s3"] = S3Transport(parse_address("s3://bucket/disk"), Access())
    return kept


def endless(first, again=b"x" * 65_536):
    def answer(server, connection, _):
        server.send(connection, first.encode())
        while server.sent < ENDLESS_MAX:
            server.send(connection, again)

    return answer


def once(text):
    return lambda server, connection, _: server.send(connection, text.encode("latin-1"))


REFUSED = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>"


@pytest.mark.parametrize("trailer", ["", "X-Trailer: a\r\n"])
def test_a_refusal_in_chunks_is_read_as_any_other(scripted, trailer):
    chunks = f"{len(REFUSED):x}\r\n{REFUSED}\r\n0\r\n{trailer}\r\n"
    head = "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    error = scripted.failure(once(head + chunks))
    assert isinstance(error, CredentialsError)
    assert "AccessDenied" in str(error)
    # As older versions of urllib3 read the length of a chunk.
    assert _BoundedFile(io.BufferedReader(io.BytesIO(b"a\r\n")), 100, 20).readline() == b"a\r\n"


@pytest.mark.parametrize("status", [301, 403, 404, 500])
@pytest.mark.parametrize("framing", ["Connection: close", "Transfer-Encoding: chunked"])
def test_a_refusal_without_end_is_left(scripted, status, framing):
    again = b"10000\r\n" + bytes(65_536) + b"\r\n" if "chunked" in framing else b"x" * 65_536
    error = scripted.failure(endless(f"HTTP/1.1 {status} No\r\n{framing}\r\n\r\n", again))
    assert isinstance(error, PassingError)


def test_a_refusal_byte_by_byte_is_left(scripted, monkeypatch):
    monkeypatch.setattr("bulkput.source.remote.response_head.TEXT_LIMIT_S", 0.05)

    def drip(server, connection, _):
        server.send(connection, b"HTTP/1.1 500 No\r\nConnection: close\r\n\r\n")
        scripted.drip(connection)

    assert isinstance(scripted.failure(drip), PassingError)


@pytest.mark.parametrize("scheme", ["https", "s3"])
def test_trailers_without_end_are_left(scripted, scheme):
    error = scripted.failure(endless(CHUNKED, b"X-Long: x\r\n" * 1000), scheme)
    assert isinstance(error, PassingError)


@pytest.mark.parametrize("scheme", ["https", "s3"])
def test_trailers_byte_by_byte_are_left(scripted, scheme, monkeypatch):
    def drip(server, connection, _):
        server.send(connection, CHUNKED.removesuffix("0\r\n").encode())
        monkeypatch.setattr("bulkput.source.remote.response_head.HEAD_LIMIT_S", 0.05)
        server.send(connection, b"0\r\n")
        scripted.drip(connection)

    assert isinstance(scripted.failure(drip, scheme), PassingError)


@pytest.mark.parametrize("scheme", ["https", "s3"])
@pytest.mark.parametrize("digits", ["0-99/{}", "{}-99/4194304", "0-{}/4194304"])
def test_a_range_of_thousands_of_digits_is_none(scripted, scheme, digits):
    content_range = f"Content-Range: bytes {digits.format('9' * 5000)}"
    text = f"HTTP/1.1 206 Partial\r\n{content_range}\r\nContent-Length: 1\r\n\r\nx"
    assert isinstance(scripted.failure(once(text), scheme), SourceError)


@pytest.mark.parametrize(
    "line",
    [
        "x-amz-missing-meta: abc",
        f"x-amz-tagging-count: {'9' * 5000}",
        f"Content-Length: {'9' * 5000}",
        "Last-Modified: nonsense",
        f"Last-Modified: {'9' * 5000}",
    ],
)
def test_a_header_of_another_form_than_s3s_may_pass(scripted, line):
    error = scripted.failure(once(f"{HEAD}{line}\r\nContent-Type: a\r\n\r\nx"))
    assert isinstance(error, PassingError)
    assert "another form" in str(error)


@pytest.mark.parametrize(
    "code", ["<Code>a&#x9b;2J&#10;bulkput: done</Code>", "<Code><a/></Code>", "<Code>a</Code>" * 2]
)
def test_a_code_that_is_none_is_not_shown(scripted, code):
    body = f"<Error>{code}</Error>"
    error = scripted.failure(once(f"HTTP/1.1 403 No\r\nContent-Length: {len(body)}\r\n\r\n{body}"))
    assert isinstance(error, CredentialsError | PassingError)
    assert "done" not in str(error)


def test_a_token_that_no_header_can_hold_is_not_shown(kept, aws, monkeypatch):
    for name, value in KEYS.items():
        monkeypatch.setenv(name, f"{value}\r\nX: canary")
    transport = S3Transport(parse_address("s3://bucket/disk"), Access())
    with pytest.raises(PassingError) as caught:
        transport.get(0, 100, None)
    transport.close()
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, "[" * 100_000), (200, "[1]"), (500, "\x1b]0;x\x07\nbulkput: done\n" * 1000), (200, "")],
    ids=["deep", "a list", "words", "endless"],
)
def test_keys_of_another_form_are_none(kept, aws, monkeypatch, status, body):
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", kept.url)
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
    kept.server.sent = 0
    head = f"HTTP/1.1 {status} X\r\nConnection: close\r\n\r\n"
    kept.answer = once(head + body) if body else endless(head)
    with pytest.raises(CredentialsError) as caught:
        S3Transport(parse_address("s3://bucket/disk"), Access())
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000
    assert kept.server.sent < ENDLESS_MAX


@pytest.mark.parametrize("who", ["instance", "sts"])
def test_nor_are_those_without_end_of_others_who_give_keys(kept, aws, monkeypatch, tmp_path, who):
    if who == "instance":
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", kept.url)
    else:
        (tmp_path / "token").write_text("token")
        monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/some")
        monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", kept.url)
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    kept.server.sent = 0
    kept.answer = endless("HTTP/1.1 200 X\r\nConnection: close\r\n\r\n")
    with pytest.raises((CredentialsError, PassingError)):
        S3Transport(parse_address("s3://bucket/disk"), Access()).get(0, 100, None)
    assert 0 < kept.server.sent < ENDLESS_MAX


def test_a_text_that_is_read_into_a_buffer_is_bounded_too():
    file = _BoundedFile(io.BufferedReader(io.BytesIO(bytes(100))), 50, 60.0)
    with pytest.raises(HTTPException):
        file.readinto(bytearray(60))


def test_what_a_service_of_tokens_says_is_one_short_line(scripted, monkeypatch):
    def refuse(**_):
        raise TokenRetrievalError(provider="sso", error_msg="\x1b]0;x\x07\nbulkput: done\n" * 1000)

    monkeypatch.setattr(scripted.transports["s3"]._client, "get_object", refuse)
    with pytest.raises(CredentialsError) as caught:
        scripted.transports["s3"].get(0, 100, None)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000
