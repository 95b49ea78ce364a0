"""botocore's signer, written by others, must come to the same signature for the same request."""

import datetime as dt
import hashlib
import random
import string
from types import SimpleNamespace
from urllib.parse import quote

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkput.ebs.credentials import Credentials
from bulkput.ebs.signer import EMPTY_SHA256_HEX, UNSIGNED_PAYLOAD, Signer, encode_query

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=60)
TOKENS = st.none() | st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1)
KEYS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=128)
TIMES = st.integers(0, 4_102_444_799)
REGION_NAMES = ("eu-west-1", "us-gov-east-1", "cn-north-1", "xx")
REGIONS = st.sampled_from(REGION_NAMES)
HOST_NAMES = (
    "ebs.eu-west-1.amazonaws.com",
    "127.0.0.1:8080",
    "[::1]:9",
    "ebs-fips.us-east-1.api.aws",
)
HOSTS = st.sampled_from(HOST_NAMES)
METHODS = ("GET", "POST", "PUT", "DELETE")
PAYLOADS = (EMPTY_SHA256_HEX, UNSIGNED_PAYLOAD, "ab" * 32)
THOUSANDS = 2000
NOT_SIGNED_ALIKE = {"host", "date", "authorization", *botocore.auth.SIGNED_HEADERS_BLACKLIST}
HEADER_NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,20}", fullmatch=True).filter(
    lambda name: (
        name.lower()
        not in {"host", "date", "authorization", *botocore.auth.SIGNED_HEADERS_BLACKLIST}
        and not name.lower().startswith("x-amz")
        and not name.lower().startswith("x-amzn-trace-id")
    )
)


class Drawn:
    """Parts of requests: of printable ASCII, of Latin and of whatever has a code point."""

    def __init__(self, random_source):
        self.random = random_source

    def request(self):
        draw = self.random
        token = draw.choice((None, self.ascii(1, 300, " ")))
        keys = Credentials(self.ascii(1, 128), self.ascii(1, 128), token)
        moment = draw.randrange(4_102_444_800)
        return keys, moment, draw.choice(REGION_NAMES), draw.choice(HOST_NAMES)

    def ascii(self, shortest, longest, first="!"):
        length = self.random.randint(shortest, longest)
        return "".join(map(chr, self.random.choices(range(ord(first), 0x7F), k=length)))

    def text(self, shortest):
        ends = self.random.choice(
            ((0x20, 0x7F), (0xA0, 0x180), (0x3000, 0xD800), (0xE000, 1 << 20))
        )
        length = self.random.randint(shortest, 20)
        return "".join(map(chr, self.random.choices(range(*ends), k=length)))

    def name(self):
        letters = self.random.choices(string.ascii_letters + string.digits + "-", k=8)
        return "".join(("h", *letters))


def by_botocore(monkeypatch, keys, unix_s, region, request):
    moment = dt.datetime.fromtimestamp(unix_s, dt.UTC)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: moment)
    frozen = ReadOnlyCredentials(keys.access_key, keys.secret_key, keys.session_token)
    botocore.auth.SigV4Auth(frozen, "ebs", region).add_auth(request)
    return request.headers["Authorization"]


@pytest.fixture(scope="module")
def patched():
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield monkeypatch


def headers_of(lines: str) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in lines.split("\r\n") if line)


@settings(max_examples=250, deadline=None)
@given(
    keys=st.builds(Credentials, KEYS, KEYS, TOKENS),
    unix_s=TIMES,
    region=REGIONS,
    host=HOSTS,
    index=st.integers(0, 134_217_727),
    snapshot=st.from_regex(r"snap-[0-9a-f]{8,17}", fullmatch=True),
    digest=st.binary(min_size=32, max_size=32),
)
def test_a_puts_signature_is_the_one_botocore_makes(
    patched, keys, unix_s, region, host, index, snapshot, digest
):
    compare_put(patched, keys, unix_s, region, host, index, snapshot, digest)


def test_the_signatures_of_thousands_of_puts_are_those_botocore_makes(patched):
    """Drawn without hypothesis, which takes ten times as long as both signers."""
    drawn = Drawn(random.Random(1))
    for _ in range(THOUSANDS):
        compare_put(
            patched,
            *drawn.request(),
            drawn.random.randrange(134_217_728),
            f"snap-{drawn.random.getrandbits(68):017x}",
            drawn.random.randbytes(32),
        )


def compare_put(patched, keys, unix_s, region, host, index, snapshot, digest):
    path = f"/snapshots/{snapshot}/blocks/{index}"
    checksum, lines = Signer(region, "ebs", host).sign_put(keys, unix_s, path, digest)
    sent = headers_of(lines)
    given_headers = {
        name: sent[name]
        for name in (
            "x-amz-Data-Length",
            "x-amz-Checksum",
            "x-amz-Checksum-Algorithm",
            "X-Amz-Content-SHA256",
        )
    }
    request = AWSRequest("PUT", f"https://{host}{path}", headers=given_headers)
    request.context["payload_signing_enabled"] = False
    assert sent["Authorization"] == by_botocore(patched, keys, unix_s, region, request)
    assert sent["X-Amz-Date"] == request.headers["X-Amz-Date"]
    assert sent["x-amz-Checksum"] == checksum
    assert sent.get("X-Amz-Security-Token") == request.headers["X-Amz-Security-Token"]


@settings(max_examples=250, deadline=None)
@given(
    keys=st.builds(Credentials, KEYS, KEYS, TOKENS),
    unix_s=TIMES,
    region=REGIONS,
    host=HOSTS,
    method=st.sampled_from(METHODS),
    segments=st.lists(TEXT, max_size=4),
    query=st.lists(st.tuples(TEXT.filter(bool), TEXT), max_size=5),
    headers=st.dictionaries(HEADER_NAMES, TEXT, max_size=5),
    payload_hash=st.sampled_from(PAYLOADS),
)
def test_any_requests_signature_is_the_one_botocore_makes(
    patched, keys, unix_s, region, host, method, segments, query, headers, payload_hash
):
    compare(patched, keys, unix_s, region, host, method, segments, query, headers, payload_hash)


def test_the_signatures_of_thousands_of_requests_are_those_botocore_makes(patched):
    drawn = Drawn(random.Random(2))
    for _ in range(THOUSANDS):
        some = drawn.random.randrange(6)
        compare(
            patched,
            *drawn.request(),
            drawn.random.choice(METHODS),
            [drawn.text(0) for _ in range(drawn.random.randrange(5))],
            [(drawn.text(1), drawn.text(0)) for _ in range(some)],
            {f"{drawn.name()}-{number}": drawn.text(0) for number in range(some)},
            drawn.random.choice(PAYLOADS),
        )


def compare(patched, keys, unix_s, region, host, method, segments, query, headers, payload_hash):
    folded = {}
    for name, value in headers.items():
        folded.setdefault(name.lower(), value)  # the same name in two spellings is one header
    folded["X-Amz-Content-SHA256"] = payload_hash
    path = "/" + "/".join(quote(segment, safe="~.") for segment in segments)
    ours = Signer(region, "ebs", host).sign(
        keys, unix_s, method, path, query=query, headers=folded, payload_hash=payload_hash
    )
    # botocore takes its path and query from a URL: ours, as it is sent.
    url = f"https://{host}{path}?{encode_query(query)}"
    request = AWSRequest(method, url, headers=folded)
    assert ours["Authorization"] == by_botocore(patched, keys, unix_s, region, request)


def test_new_keys_a_new_day_and_a_new_second_are_noticed(patched):
    signer = Signer("eu-west-1", "ebs", "h")
    digest = hashlib.sha256(b"").digest()
    first = Credentials("A", "S")
    second = Credentials("A", "S2", "token")
    for keys, unix_s in ((first, 86_399.9), (first, 86_400.0), (second, 86_400.0), (first, 86_401)):
        lines = signer.sign_put(keys, unix_s, "/p", digest)[1]
        request = AWSRequest(
            "PUT",
            "https://h/p",
            headers={
                name: value
                for name, value in headers_of(lines).items()
                if name not in {"Authorization", "X-Amz-Date", "X-Amz-Security-Token"}
            },
        )
        request.context["payload_signing_enabled"] = False
        expected = by_botocore(patched, keys, int(unix_s), "eu-west-1", request)
        assert headers_of(lines)["Authorization"] == expected


def test_the_services_clock_is_what_signatures_show():
    signer = Signer("eu-west-1", "ebs", "h")
    signer.clock_offset_s = 3600.0
    headers = signer.sign(Credentials("A", "S"), 0.0, "GET", "/")
    assert headers["X-Amz-Date"] == "19700101T010000Z"


def test_the_documented_example_of_a_derived_key_holds():
    """AWS General Reference, "Examples of how to derive a signing key"."""
    import hmac  # noqa: PLC0415 - for this check alone

    keys = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    moment = dt.datetime(2015, 8, 30, 12, 36, tzinfo=dt.UTC).timestamp()
    signer = Signer("us-east-1", "iam", "iam.amazonaws.com")
    headers = signer.sign(
        keys,
        moment,
        "GET",
        "/",
        query=[("Action", "ListUsers"), ("Version", "2010-05-08")],
        headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
    )
    signature = headers["Authorization"].rpartition("=")[2]
    expected = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    assert hmac.compare_digest(signature, expected)


def test_a_signer_shows_no_secret():
    keys = Credentials("AKIACANARY", "secretcanary", "tokencanary")
    signer = Signer("eu-west-1", "ebs", "h")
    signer.sign(keys, 0.0, "GET", "/")
    shown = f"{signer!r} {signer} {keys!r} {keys} {SimpleNamespace(keys=keys)!r}"
    assert "canary" not in shown.lower()
