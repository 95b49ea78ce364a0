"""Credentials: read again for every signature, refreshed once, and never printed."""

import asyncio
import datetime as dt
from types import SimpleNamespace

import pytest
from aiobotocore.credentials import AioRefreshableCredentials
from aiobotocore.session import AioSession
from botocore.exceptions import ClientError, CredentialRetrievalError, UnauthorizedSSOTokenError

from bulkput.ebs.credentials import ChainCredentials, Credentials, StaticCredentials
from bulkput.model.errors import CredentialsError, ServiceError
from bulkput.model.failure import FailureClass


class World:
    """A chain with one refreshing provider, its clock, and what its source answers."""

    def __init__(self, life_s: float = 3600.0):
        self.now_s = 1_000_000.0
        self.life_s = life_s
        self.reads = 0
        self.failure: Exception | None = None
        self.sessions = 0

    def moment(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self.now_s, dt.UTC)

    async def fetch(self):
        self.reads += 1
        if self.failure is not None:
            raise self.failure
        return {
            "access_key": f"AKIA{self.reads}",
            "secret_key": f"secretcanary{self.reads}",
            "token": f"tokencanary{self.reads}",
            "expiry_time": (self.moment() + dt.timedelta(seconds=self.life_s)).isoformat(),
        }

    def session(self):
        self.sessions += 1

        async def get_credentials():
            data = await self.fetch()
            provider = AioRefreshableCredentials.create_from_metadata(
                data, refresh_using=self.fetch, method="test-role"
            )
            provider._time_fetcher = self.moment
            return provider

        return SimpleNamespace(get_credentials=get_credentials)

    def chain(self) -> ChainCredentials:
        return ChainCredentials(self.session, lambda: self.now_s)


async def test_the_same_object_is_given_until_the_keys_change():
    world = World()
    chain = world.chain()
    first = await chain.current()
    assert await chain.current() is first
    world.now_s += world.life_s - 60
    second = await chain.current()
    assert (second.access_key, world.reads, world.sessions) == ("AKIA2", 2, 1)


async def test_a_failed_refresh_is_no_failure_while_the_keys_are_valid_and_is_tried_again():
    world = World()
    chain = world.chain()
    first = await chain.current()
    world.now_s += world.life_s - 300  # within botocore's mandatory refresh, not yet expired
    world.failure = CredentialRetrievalError(provider="test-role", error_msg="IMDS is silent")
    assert await chain.current() is first
    reads = world.reads
    results = await asyncio.gather(*(chain.current() for _ in range(50)))
    assert all(one is first for one in results)
    assert world.reads == reads  # nobody waits for a source that has just failed
    world.now_s += 11
    world.failure = None
    assert (await chain.current()) is not first


async def test_expired_and_silent_is_temporary_expired_and_refused_is_not():
    world = World()
    chain = world.chain()
    await chain.current()
    world.now_s += world.life_s + 1
    world.failure = CredentialRetrievalError(provider="test-role", error_msg="IMDS is silent")
    with pytest.raises(ServiceError, match="IMDS is silent") as caught:
        await chain.current()
    assert caught.value.failure is FailureClass.TRANSIENT
    world.failure = UnauthorizedSSOTokenError()
    with pytest.raises(CredentialsError, match="aws sso login"):
        await chain.current()
    answer = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    world.failure = ClientError(answer, "AssumeRole")
    with pytest.raises(CredentialsError, match="AssumeRole"):
        await chain.current()


async def test_a_forced_refresh_walks_the_chain_anew_and_once_for_a_crowd():
    world = World()
    chain = world.chain()
    first = await chain.current()
    await asyncio.gather(*(chain.refresh() for _ in range(64)))
    assert (world.sessions, world.reads) == (2, 2)
    assert (await chain.current()).access_key != first.access_key
    world.now_s += 6
    await chain.refresh()
    assert world.sessions == 3


async def test_a_forced_refresh_that_fails_is_reported():
    world = World()
    chain = world.chain()
    await chain.current()
    world.failure = UnauthorizedSSOTokenError()
    with pytest.raises(CredentialsError):
        await chain.refresh()


async def test_without_credentials_it_says_what_was_tried(monkeypatch):
    chain = ChainCredentials(AioSession, lambda: 0.0)
    with pytest.raises(CredentialsError) as caught:
        await chain.current()
    for word in ("environment", "profile", "SSO", "web identity", "container", "instance"):
        assert word in str(caught.value)


async def test_the_environment_is_read_and_read_again_when_refused(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s1")
    chain = ChainCredentials(AioSession, lambda: 0.0)
    first = await chain.current()
    assert (first.access_key, first.session_token) == ("AKIAENV", None)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s2")
    assert await chain.current() is first
    await chain.refresh()
    assert (await chain.current()).secret_key == "s2"


async def test_a_profile_is_read(tmp_path):
    (tmp_path / "aws-credentials").write_text(
        "[other]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = s\n"
    )
    chain = ChainCredentials(lambda: AioSession(profile="other"), lambda: 0.0)
    assert (await chain.current()).access_key == "AKIAPROFILE"


async def test_half_of_a_key_is_no_credentials(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    with pytest.raises(CredentialsError, match="AWS_SECRET_ACCESS_KEY"):
        await ChainCredentials(AioSession, lambda: 0.0).current()


async def test_a_token_cannot_smuggle_a_header_in():
    async def get_credentials():
        async def frozen():
            return SimpleNamespace(access_key="A", secret_key="S", token="t\r\nX-Evil: canary")

        return SimpleNamespace(get_frozen_credentials=frozen, method="test")

    chain = ChainCredentials(lambda: SimpleNamespace(get_credentials=get_credentials), lambda: 0.0)
    with pytest.raises(CredentialsError) as caught:
        await chain.current()
    assert "canary" not in str(caught.value)


async def test_static_credentials_stay():
    keys = Credentials("A", "secretcanary", "tokencanary")
    source = StaticCredentials(keys)
    await source.refresh()
    assert await source.current() is keys
    assert "canary" not in repr(keys)
