"""How an attempt ends, whatever becomes of its process: a scripted one, on virtual time."""

import asyncio
import os
import signal

import pytest
from support.fleet_actors import Handle, Mailbox, Quota, order
from support.scripted_child import DONE, GRACE_S, JOB, Child, lived, now_s

from bulkput.fleet import volume_task
from bulkput.fleet.lease import ORPHAN_S
from bulkput.fleet.protocol import (
    SetShare,
    StopVolume,
    VolumeInit,
    VolumeProgress,
)
from bulkput.fleet.volume_task import END_MARGIN_S, Attempt
from bulkput.model.exit_code import ExitCode
from bulkput.model.progress import Phase, Progress


def test_a_volume_that_is_done_gives_its_lease_and_permit_back(monkeypatch):
    async def story(child, quota, mailbox, running):
        assert isinstance(child.received[0], VolumeInit)
        child.finish(DONE)

    end, _, quota = lived(monkeypatch, story)
    assert end.outcome == DONE
    assert [leave.is_pending for leave in quota.left] == [False]
    assert (quota.leases.clients, quota.permits.held) == ((), 0)


@pytest.mark.parametrize(
    ("status", "code", "how"),
    [
        (-9, 137, "it was killed by SIGKILL, as the kernel does when memory runs out"),
        (-7, 135, "it was ended by SIGBUS"),
        (-11, 139, "it was ended by SIGSEGV"),
        (1, 1, "it ended with exit code 1"),
        (10, 10, "it ended with exit code 10"),
        (0, 1, "it ended with exit code 0"),
    ],
)
def test_a_process_that_is_gone_is_its_volumes_failure(monkeypatch, status, code, how):
    async def story(child, quota, mailbox, running):
        child.report(VolumeProgress(Progress("disk", blocks_put=5, snapshot_id="snap-1")))
        child.finish()

    words = "first\nthe last line"
    end, _, quota = lived(monkeypatch, story, status=status, words=words)
    assert (end.outcome.status, end.outcome.exit_code) == ("failed", code)
    assert end.outcome.error == f"its process is gone: {how}. the last line"
    assert (end.outcome.snapshot_id, end.outcome.blocks["put"]) == ("snap-1", 5)
    assert end.last_words == words
    assert [leave.is_pending for leave in quota.left] == [True]


def test_the_driver_stops_it_in_order(monkeypatch):
    async def story(child, quota, mailbox, running):
        mailbox.actor.stop()

    end, child, _ = lived(monkeypatch, story)
    assert child.received[-1] == StopVolume("the run was stopped")
    assert (end.outcome.status, end.outcome.exit_code) == ("stopped", ExitCode.TEMPORARY)
    assert end.outcome.blocks["put"] == 7
    assert "The same command resumes it" in end.outcome.error
    assert child.killed_s is None


def test_one_that_does_not_stop_is_killed_after_the_grace(monkeypatch):
    async def story(child, quota, mailbox, running):
        mailbox.actor.stop()

    end, child, _ = lived(monkeypatch, story, heeds_stop=False)
    assert child.killed_s == pytest.approx(GRACE_S + END_MARGIN_S, abs=3)
    assert (end.outcome.status, end.outcome.exit_code) == ("stopped", ExitCode.TEMPORARY)


@pytest.mark.parametrize("fault", ["hang", RuntimeError("dead")])
def test_one_that_hangs_is_stopped_when_its_share_is_lost(monkeypatch, fault):
    async def story(child, quota, mailbox, running):
        quota.fault = fault

    end, child, _ = lived(monkeypatch, story, heeds_stop=False)
    assert ORPHAN_S < child.killed_s - GRACE_S - END_MARGIN_S < ORPHAN_S + 30
    assert end.outcome.exit_code == ExitCode.TEMPORARY
    assert "its share of the quota was not renewed" in end.outcome.error


def test_it_ends_with_the_run_that_wants_it(monkeypatch):
    async def story(child, quota, mailbox, running):
        mailbox.fault = RuntimeError("the driver is gone, and all its actors")

    end, _, _ = lived(monkeypatch, story)
    assert "the run that wants it is gone" in end.outcome.error
    assert end.outcome.exit_code == ExitCode.TEMPORARY


def test_a_cancelled_task_leaves_in_order_and_then_is_cancelled(monkeypatch):
    async def story(child, quota, mailbox, running):
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert child.received[-1] == StopVolume("its task was cancelled")
        assert quota.actor.left
        assert child.is_ended
        assert child.killed_s is None
        seen.append(True)

    seen = []
    with pytest.raises(asyncio.CancelledError):
        lived(monkeypatch, story)
    assert seen


def test_a_task_that_is_cancelled_twice_kills(monkeypatch):
    async def story(child, quota, mailbox, running):
        running.cancel()
        await asyncio.sleep(1)
        running.cancel()
        await asyncio.wait([running])
        assert child.killed_s == 2.0
        seen.append(True)

    seen = []
    with pytest.raises(asyncio.CancelledError):
        lived(monkeypatch, story, heeds_stop=False)
    assert seen


def test_a_permit_that_is_lost_before_the_start_stops_it(monkeypatch):
    async def story(child, quota, mailbox, running):
        permits = quota.actor.permits
        permits.give_back(now_s(), "job/disk", "client-1", is_pending=False)
        permits.ask(now_s(), "job/disk", "client-2")

    end, child, _ = lived(monkeypatch, story)
    assert child.received[-1] == StopVolume("its permit is another's")
    assert end.outcome.exit_code == ExitCode.TEMPORARY


def test_a_permit_that_is_lost_later_stops_nothing(monkeypatch):
    async def story(child, quota, mailbox, running):
        progress = Progress("disk", phase=Phase.UPLOADING, snapshot_id="snap-1")
        child.report(VolumeProgress(progress))
        await asyncio.sleep(0.1)
        permits = quota.actor.permits
        permits.give_back(now_s(), "job/disk", "client-1", is_pending=False)
        permits.ask(now_s(), "job/disk", "client-2")
        await asyncio.sleep(10)
        assert not any(isinstance(each, StopVolume) for each in child.received)
        shares = [each for each in child.received if isinstance(each, SetShare)]
        assert shares[-1].permit_until_s == float("-inf")
        child.finish(DONE)

    end, _, _ = lived(monkeypatch, story)
    assert end.outcome == DONE


def test_sigterm_of_its_host_stops_it_and_the_hosts_own_handler_is_back(monkeypatch):
    heard = []
    before = signal.signal(signal.SIGTERM, lambda *_: heard.append(1))
    try:

        async def live():
            child = Child()

            async def start():
                asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGTERM)
                return child

            monkeypatch.setattr(volume_task, "start_volume_child", start)
            end = await Attempt(order(JOB), Handle(Quota()), Handle(Mailbox())).run()
            assert child.received[-1] == StopVolume("its host ends")
            return end

        end = asyncio.run(live())
        assert (end.outcome.status, end.outcome.exit_code) == ("stopped", ExitCode.TEMPORARY)
        assert not heard
        os.kill(os.getpid(), signal.SIGTERM)
        assert heard
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            "Fatal Python error: Bus error\n\nCurrent thread:\n  File x.py",
            "Fatal Python error: Bus error",
        ),
        ("Traceback\n  File x.py\nKeyError: 1", "KeyError: 1"),
        ("", ""),
    ],
)
def test_its_error_has_the_line_that_says_most(monkeypatch, words, line):
    async def story(child, quota, mailbox, running):
        child.finish()

    end, _, _ = lived(monkeypatch, story, status=-7, words=words)
    assert end.outcome.error == f"its process is gone: it was ended by SIGBUS. {line}".strip()
