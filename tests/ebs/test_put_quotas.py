"""Service Quotas is asked politely, and nothing depends on its answer."""

import asyncio

import pytest

from bulkput.ebs.quotas import PutQuotas, read_put_quotas


class FakeQuotas:
    """Answers by quota code; an exception is raised instead of returned."""

    def __init__(self, answers):
        self.answers = answers

    async def call(self, operation, question):
        assert operation == "GetServiceQuota"
        assert question["ServiceCode"] == "ebs"
        answer = self.answers[question["QuotaCode"]]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def open(self, service):
        assert service == "service-quotas"
        return self


@pytest.mark.parametrize(
    ("snapshot", "account", "expected"),
    [
        ({"Quota": {"Value": 1000.0}}, {"Quota": {"Value": 5000.0}}, PutQuotas(1000.0, 5000.0)),
        (PermissionError("denied"), {"Quota": {"Value": 5000.0}}, PutQuotas(None, 5000.0)),
        ({"Quota": {}}, {"Quota": {"Value": 0}}, PutQuotas(None, None)),
    ],
)
async def test_each_quota_is_what_the_account_reports_or_unknown(snapshot, account, expected):
    client = FakeQuotas({"L-1774F84A": snapshot, "L-AFAE1BE8": account})
    assert await read_put_quotas(client.open) == expected


async def test_the_quotas_are_asked_for_one_after_the_other():
    """A proxy that refuses the first way is then not asked again."""
    under_way = 0

    class Slow(FakeQuotas):
        async def call(self, operation, question):
            nonlocal under_way
            under_way += 1
            assert under_way == 1
            await asyncio.sleep(0)
            under_way -= 1
            return await super().call(operation, question)

    answer = {"Quota": {"Value": 7.0}}
    client = Slow({"L-1774F84A": answer, "L-AFAE1BE8": answer})
    assert await read_put_quotas(client.open) == PutQuotas(7.0, 7.0)


async def test_a_service_that_does_not_answer_costs_two_seconds_at_most(monkeypatch):
    class Never(FakeQuotas):
        async def call(self, operation, question):
            await asyncio.Event().wait()

    monkeypatch.setattr("bulkput.ebs.quotas._LIMIT_S", 0.0)
    assert await read_put_quotas(Never({}).open) == PutQuotas(None, None)
