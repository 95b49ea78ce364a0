"""Runs share a quota where AWS has one: by account and Region, however each is opened."""

import asyncio
from types import SimpleNamespace

import pytest
from virtual_time import run_virtual

from bulkput.ebs.probe import CallerIdentity
from bulkput.fleet import account
from bulkput.fleet.account import IDENTITY_WAIT_S, account_name
from bulkput.model.errors import TemporaryError

NUMBER = "123456789012"


@pytest.fixture
def name(monkeypatch):
    """Return a function that names the account of a run, and what was reported meanwhile."""

    def of(answer=NUMBER, *, is_aws=True, url="https://ebs", profile=None):
        class Probe:
            def __init__(self, service):
                pass

            async def identity(self):
                assert is_aws, "it is not to be asked"
                if answer == "nothing":
                    await asyncio.Event().wait()
                if isinstance(answer, Exception):
                    raise answer
                return CallerIdentity(answer, "arn")

        monkeypatch.setattr(account, "Probe", Probe)
        reported = []
        context = SimpleNamespace(
            service=SimpleNamespace(is_aws=is_aws, endpoint_url=url, region="eu-north-1"),
            settings=SimpleNamespace(profile=profile),
            observer=SimpleNamespace(on_event=reported.append),
        )
        return run_virtual(account_name(context)), reported

    return of


@pytest.mark.parametrize("other", [{"profile": "migration"}, {"url": "https://ebs-fips"}])
def test_one_account_has_one_quota_by_whatever_it_is_reached(name, other):
    assert name() == name(**other) == (f"{NUMBER} eu-north-1", [])
    assert name("999999999999") != name()


@pytest.mark.parametrize("answer", [TemporaryError("no STS here"), "nothing", ""])
def test_an_account_without_a_number_is_named_by_how_it_is_opened_and_that_is_reported(
    name, answer
):
    found, reported = name(answer, profile="migration")
    assert found == "https://ebs eu-north-1 migration"
    assert name(answer, profile="other")[0] != found
    assert [event.warning for event in reported] == [True]


def test_another_service_has_the_quota_of_its_address(name):
    assert name(is_aws=False) == ("https://ebs eu-north-1 -", [])


def test_who_does_not_answer_is_not_waited_for_for_long():
    assert IDENTITY_WAIT_S <= 5
