"""The instance's role and Region, read without botocore, are those that botocore finds."""

import contextlib
import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from aiobotocore.session import AioSession

from bulkput.ebs.aws_session import new_session
from bulkput.ebs.credentials import ChainCredentials
from bulkput.ebs.instance_role import InstanceRole
from bulkput.ebs.metadata_service import MetadataError
from bulkput.ebs.region import resolve_region

KEYS = {
    "Code": "Success",
    "Type": "AWS-HMAC",
    "AccessKeyId": "AKIAROLE",
    "SecretAccessKey": "secretcanary",
    "Token": "tokencanary",
    "Expiration": "2099-01-01T00:00:00Z",
}
ROLE = "latest/meta-data/iam/security-credentials/"
ZONE = "latest/meta-data/placement/availability-zone/"
AS_DOCUMENTED = {
    "latest/api/token": (200, "tokenoftheservice"),
    ROLE: (200, "my-role+x=,.@y"),
    f"{ROLE}my-role+x=,.@y": (200, json.dumps(KEYS)),
    ZONE: (200, "eu-north-1b"),
}


@contextlib.asynccontextmanager
async def metadata(lab, monkeypatch, answers, prefix="/"):
    """Serve ``answers`` by path as the instance's metadata; yields the requests."""
    asked = []

    async def script(peer):
        while True:
            request = await peer.request()
            method, path, _ = request.line.split()
            asked.append((method, path, request.headers.get("x-aws-ec2-metadata-token")))
            status, body = answers.get(path.removeprefix(prefix), (404, "not found"))
            await peer.answer(status, {}, body.encode())

    async with lab.serving(script) as server:
        monkeypatch.delenv("AWS_EC2_METADATA_DISABLED", raising=False)
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url + prefix)
        yield asked


def changed(**values):
    path = f"{ROLE}my-role+x=,.@y"
    return AS_DOCUMENTED | {path: (200, json.dumps(KEYS | values))}


def without(name):
    keys = {key: value for key, value in KEYS.items() if key != name}
    return AS_DOCUMENTED | {f"{ROLE}my-role+x=,.@y": (200, json.dumps(keys))}


ANSWERS = {
    "as documented": AS_DOCUMENTED,
    "version 1 alone": AS_DOCUMENTED | {"latest/api/token": (404, "")},
    "off": dict.fromkeys(AS_DOCUMENTED, (403, "")),
    "no role": AS_DOCUMENTED | {ROLE: (404, "")},
    "an empty role": AS_DOCUMENTED | {ROLE: (200, "")},
    "two roles": AS_DOCUMENTED | {ROLE: (200, "one\ntwo")},
    "no token": AS_DOCUMENTED | {"latest/api/token": (400, "")},
    "not trusted": AS_DOCUMENTED
    | {f"{ROLE}my-role+x=,.@y": (200, '{"Code":"AssumeRoleUnauthorizedAccess","Message":"x"}')},
    "no json": AS_DOCUMENTED | {f"{ROLE}my-role+x=,.@y": (200, "<html>")},
    "an error": AS_DOCUMENTED | {f"{ROLE}my-role+x=,.@y": (500, "{}")},
    "without a code": without("Code"),
    "without a token": without("Token"),
    "without an end": without("Expiration"),
    "an end of no zone": changed(Expiration="2099-01-01T00:00:00"),
    "an empty key": changed(AccessKeyId=""),
    "an end with an offset": changed(Expiration="2099-01-01T02:00:00+02:00"),
}


async def keys_of(provider):
    """Return how a session of aiobotocore, or of ours, finds keys, and which."""
    try:
        if provider is None:
            return None
        frozen = await provider.get_frozen_credentials()
    except Exception as error:  # noqa: BLE001 - botocore's too many kinds
        return type(error).__name__
    return provider.method, frozen.access_key, frozen.secret_key, frozen.token


@pytest.mark.parametrize("answers", ANSWERS.values(), ids=ANSWERS)
async def test_whatever_the_service_answers_the_keys_are_botocores(lab, monkeypatch, answers):
    async with metadata(lab, monkeypatch, answers):
        theirs = await keys_of(await AioSession().get_credentials())
        ours = await keys_of(await new_session(None).get_credentials())
        assert ours == theirs


async def test_the_role_is_read_by_version_2_with_one_token_and_without_botocore(lab, monkeypatch):
    monkeypatch.setattr("bulkput.ebs.aws_session._botocore_session", None)
    async with metadata(lab, monkeypatch, AS_DOCUMENTED, prefix="/nested/") as asked:
        chain = ChainCredentials(lambda: new_session(None), lambda: 0.0)
        keys = await chain.current()
        assert await chain.current() is keys
    assert (keys.access_key, keys.session_token) == ("AKIAROLE", "tokencanary")
    assert asked == [
        ("PUT", "/nested/latest/api/token", None),
        ("GET", f"/nested/{ROLE}", "tokenoftheservice"),
        ("GET", f"/nested/{ROLE}my-role+x=,.@y", "tokenoftheservice"),
    ]


async def test_it_is_asked_as_often_as_is_configured(lab, monkeypatch):
    monkeypatch.setattr("bulkput.ebs.aws_session._botocore_session", None)
    monkeypatch.setenv("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "3")
    answers = dict(AS_DOCUMENTED)

    class Flaky(dict):
        """Answers with 503 twice, whatever is asked first."""

        fails = 2

        def get(self, path, default):
            if self.fails:
                self.fails -= 1
                return 503, ""
            return super().get(path, default)

    async with metadata(lab, monkeypatch, Flaky(answers)) as asked:
        assert (await keys_of(await new_session(None).get_credentials()))[1] == "AKIAROLE"
    assert [method for method, _, _ in asked] == ["PUT"] * 3 + ["GET"] * 2


@pytest.mark.parametrize(
    ("zone", "more", "region"),
    [
        ("eu-north-1b", {}, "eu-north-1"),
        ("us-gov-west-1a", {}, "us-gov-west-1"),
        (
            "us-west-2-lax-1a",
            {"latest/meta-data/placement/region": (200, "us-west-2")},
            "us-west-2",
        ),
        (
            "us-east-1-wl1-bos-wlz-1",
            {"latest/meta-data/placement/region": (200, "us-east-1")},
            "us-east-1",
        ),
    ],
)
async def test_the_region_is_the_zones(lab, monkeypatch, zone, more, region):
    monkeypatch.setattr("bulkput.ebs.aws_session._botocore_session", None)
    async with metadata(lab, monkeypatch, AS_DOCUMENTED | {ZONE: (200, zone)} | more):
        assert await resolve_region(new_session(None), None, {}) == region


@pytest.mark.parametrize(
    ("zone", "given", "region"),
    [
        ("zz1", "", "zz"),
        ("eu-north-1bc", "", "eu-north-1b"),
        ("us-west-2-lax-1a", "eu-west-1", "us-west-2-lax-1"),
        ("us-west-2-lax-1a", "us-west-20", "us-west-2-lax-1"),
        ("us-west-2-lax-1a", "us-west", "us-west-2-lax-1"),
    ],
)
async def test_a_region_that_is_not_plain_is_botocores(lab, monkeypatch, zone, given, region):
    answers = {ZONE: (200, zone), "latest/meta-data/placement/region": (200, given)}
    async with metadata(lab, monkeypatch, AS_DOCUMENTED | answers):
        assert await resolve_region(new_session(None), None, {}) == region


class Clock:
    """A service whose keys live as long as a test says."""

    def __init__(self):
        self.now_s, self.life_s, self.reads = 4_000_000_000.0, 6 * 3600.0, 0
        self.fails = False
        self.changed = {}
        self.role = InstanceRole(self, lambda: self.now_s, lambda low, _: low)

    def session(self):
        async def get_credentials():
            return self.role

        return SimpleNamespace(get_credentials=get_credentials)

    async def token(self):
        if self.fails:
            raise MetadataError
        return "t"

    async def get(self, path, _token):
        if path == ROLE:
            return "role"
        self.reads += 1
        end = datetime.fromtimestamp(self.now_s + self.life_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        found = KEYS | {"AccessKeyId": f"A{self.reads}", "Expiration": end} | self.changed
        return json.dumps(found)


async def test_keys_are_renewed_before_they_end_and_stay_while_they_cannot_be():
    world = Clock()
    chain = ChainCredentials(world.session, lambda: world.now_s)
    first = await chain.current()
    world.now_s += world.life_s - 901
    assert await chain.current() is first
    world.now_s += 2
    world.fails = True
    assert await chain.current() is first
    world.fails = False
    world.now_s += 11
    assert (await chain.current()).access_key == "A2"
    assert world.reads == 2


async def test_a_service_that_gives_old_keys_again_is_asked_some_minutes_later():
    world = Clock()
    await world.role.get_frozen_credentials()
    world.now_s += world.life_s - 600
    world.life_s = 590
    await world.role.get_frozen_credentials()
    for _ in range(50):
        await world.role.get_frozen_credentials()
    assert world.reads == 2
    world.now_s += 121
    await world.role.get_frozen_credentials()
    assert world.reads == 3


UNDOCUMENTED = [
    {"Code": "Failed"},
    {"Code": None},
    {"Token": ""},
    {"SecretAccessKey": 7},
    {"Expiration": "2199-01-01T00:00:00"},
]


@pytest.mark.parametrize("changed", UNDOCUMENTED, ids=str)
async def test_only_a_documented_success_gives_keys_and_replaces_them(changed):
    world = Clock()
    world.changed = changed
    with pytest.raises(MetadataError):
        await world.role.get_frozen_credentials()
    world.changed = {}
    chain = ChainCredentials(world.session, lambda: world.now_s)
    first = await chain.current()
    world.now_s += world.life_s - 600
    world.changed = changed
    assert await chain.current() is first
