"""Whether an attempt begins: a permit, a quota that answers, a process that can be started."""

import asyncio
import contextlib
from dataclasses import replace

import pytest
from support.fleet_actors import Handle, Mailbox, Quota, order
from support.scripted_child import JOB, now_s
from virtual_time import run_virtual

from bulkput.fleet import volume_task
from bulkput.fleet.mail import SILENT_S
from bulkput.fleet.volume_task import Attempt, run_volume
from bulkput.model.exit_code import ExitCode


def started_by_nobody():
    pytest.fail("a process was started")


async def without_process(monkeypatch, quota, mailbox=None):
    monkeypatch.setattr(volume_task, "start_volume_child", started_by_nobody)
    monkeypatch.setattr(volume_task, "_sigterm", lambda _: contextlib.nullcontext())
    attempt = Attempt(order(JOB), quota, Handle(mailbox or Mailbox()))
    attempt._keeper._now_s = now_s
    return await attempt.run()


def test_without_a_permit_nothing_is_started(monkeypatch):
    async def live():
        quota = Quota(now_s=now_s)
        quota.permits.ask(now_s(), "job/disk", "client-of-before")
        end = await without_process(monkeypatch, Handle(quota))
        assert (end.outcome.status, end.outcome.exit_code) == ("not-started", 5)
        assert quota.permits.held == 1, "it gave back what is another's"

    run_virtual(live())


@pytest.mark.parametrize("fault", ["hang", RuntimeError("dead")])
def test_a_quota_that_never_answers_is_not_waited_for_for_ever(monkeypatch, fault):
    async def live():
        quota = Handle(Quota(now_s=now_s))
        quota.fault = fault
        end = await without_process(monkeypatch, quota)
        assert end.outcome.status == "not-started"
        assert now_s() == pytest.approx(SILENT_S, abs=5)

    run_virtual(live())


def test_a_stop_before_the_start_is_heard(monkeypatch):
    async def live():
        quota, mailbox = Handle(Quota(now_s=now_s)), Mailbox()
        quota.fault = "hang"
        mailbox.stop()
        end = await without_process(monkeypatch, quota, mailbox)
        assert (end.outcome.status, end.outcome.exit_code) == ("not-started", 5)
        assert now_s() < 10

    run_virtual(live())


def test_a_process_that_cannot_be_started_is_the_machines_failure(monkeypatch):
    async def refuse():
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(volume_task, "start_volume_child", refuse)
    end = asyncio.run(Attempt(order(JOB), Handle(Quota()), Handle(Mailbox())).run())
    assert (end.outcome.status, end.outcome.exit_code) == ("failed", ExitCode.MACHINE)
    assert "no more threads or processes" in end.outcome.error


def test_another_version_than_the_drivers_begins_nothing():
    wrong = replace(order(JOB), version="0.0.1")
    end = run_volume(wrong, None, None)
    assert (end.outcome.status, end.outcome.exit_code) == ("failed", ExitCode.CONFIGURATION)
    assert "they must match" in end.outcome.error
