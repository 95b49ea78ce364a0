"""Attempts that are killed, stopped and cut off, by real processes: one writer, nothing twice."""

import asyncio
import os
import signal

import pytest
from support.fleet_actors import Handle, Mailbox, Quota
from support.fleet_task import children_of, ended, start
from support.lane_jobs import has_ended, until
from support.put_log import PutLog
from support.s3_server import s3_server

from bulkput.fleet.volume_task import Attempt

LATE_S = 0.75
"""Puts that a busy machine takes late come together; a budget given twice shows in two seconds."""


@pytest.mark.long
def test_one_that_is_stopped_or_killed_is_gone_on_with_by_the_next(
    served, disk, ordered, monkeypatch
):
    """Slow by its lease alone, the emulator would take more."""
    server, source = served(verify_signatures=False), disk(48)
    log, rate = PutLog(monkeypatch), 40.0

    async def attempt(number, interrupt):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", f"CLIENT{number}")
        mailbox = Mailbox()
        quota = Quota(rate)
        order = ordered(server, source, f"client-{number}")
        running = asyncio.create_task(Attempt(order, Handle(quota), Handle(mailbox)).run())
        begun = len(log.puts)
        while interrupt and len(log.puts) < begun + 6:
            await asyncio.sleep(0.01)
            assert not running.done(), running.result()
        if interrupt:
            interrupt(mailbox)
        return await running

    def kill(_):
        (pid,) = children_of(os.getpid())
        os.kill(pid, signal.SIGKILL)

    async def live():
        return [
            await attempt(number, interrupt)
            for number, interrupt in enumerate((Mailbox.stop, kill, None), 1)
        ]

    stopped, killed, done = (end.outcome for end in asyncio.run(live()))
    assert (stopped.status, stopped.exit_code) == ("stopped", 5), stopped
    assert stopped.error.startswith("stopped, because the run was stopped")
    assert (killed.status, killed.exit_code) == ("failed", 137), killed
    assert (done.status, done.error) == ("completed", None)
    assert server.content(done.snapshot_id, 48) == source.read_bytes()
    assert len(server.states()) == 1
    assert done.blocks["resumed"] >= stopped.blocks["put"] > 0
    log.require_one_writer_at_a_time()
    assert list(log.turns().values()) == [["CLIENT1", "CLIENT2", "CLIENT3"]]
    assert log.excess(rate) <= rate * LATE_S


@pytest.mark.long
def test_a_killed_task_takes_its_process_along_and_the_next_attempt_goes_on(
    served, disk, ordered, monkeypatch, tmp_path
):
    server, source = served(verify_signatures=False), disk(24)
    log = PutLog(monkeypatch)
    task = start(ordered(server, source, "one"), tmp_path / "one", key="ONE", puts_per_s=30)
    until(lambda: len(log.puts) >= 6)
    (child,) = children_of(task.pid)
    task.kill()
    assert ended(task) == (-signal.SIGKILL, None)
    until(lambda: has_ended(child), 5)
    put = len(log.puts)
    task = start(ordered(server, source, "two"), tmp_path / "two", key="TWO", puts_per_s=1000)
    status, outcome = ended(task)
    assert (status, outcome["status"], outcome["exit_code"]) == (0, "completed", 0)
    assert server.content(outcome["snapshot_id"], 24) == source.read_bytes()
    assert list(log.turns().values()) == [["ONE", "TWO"]]
    assert outcome["blocks"]["resumed"] >= put - 3, "what was answered is not put again"


@pytest.mark.long
def test_sigterm_of_a_task_ends_it_in_order(served, disk, ordered, monkeypatch, tmp_path):
    server, source = served(verify_signatures=False), disk(24)
    log = PutLog(monkeypatch)
    task = start(ordered(server, source), tmp_path / "one", key="ONE", puts_per_s=30)
    until(lambda: len(log.puts) >= 6)
    (child,) = children_of(task.pid)
    task.terminate()
    status, outcome = ended(task)
    assert (status, outcome["status"], outcome["exit_code"]) == (0, "stopped", 5)
    assert outcome["error"].startswith("stopped, because its host ends")
    assert outcome["blocks"]["put"] == len(log.puts), "all that was under way was waited for"
    assert has_ended(child)


@pytest.mark.long
def test_of_two_attempts_at_once_on_one_host_the_second_is_refused_for_now(
    served, disk, ordered, monkeypatch, tmp_path
):
    server, source = served(verify_signatures=False), disk(24)
    log = PutLog(monkeypatch)
    first = start(ordered(server, source, "one"), tmp_path / "one", key="ONE", puts_per_s=15)
    until(lambda: len(log.puts) >= 4)
    second = start(ordered(server, source, "two"), tmp_path / "two", key="TWO", puts_per_s=1000)
    _, refused = ended(second)
    assert (refused["status"], refused["exit_code"]) == ("failed", 5), refused
    assert "already running" in refused["error"]
    _, done = ended(first)
    assert (done["status"], done["blocks"]["put"]) == ("completed", 24)
    assert list(log.turns().values()) == [["ONE"]]
    assert server.content(done["snapshot_id"], 24) == source.read_bytes()


@pytest.mark.long
def test_a_host_that_is_cut_off_and_comes_back_puts_nothing_any_more(
    served, disk, ordered, monkeypatch, tmp_path
):
    """By the lease in the store: the first host stands still while the second takes over."""
    server, source = served(verify_signatures=False), disk(24)
    log = PutLog(monkeypatch)
    with s3_server() as s3:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.url)
        store = s3.environment()["BULKPUT_STATE_STORE"]
        one = ordered(server, source, "one", state="one", store=store)
        first = start(one, tmp_path / "1", key="ONE", puts_per_s=15)
        until(lambda: len(log.puts) >= 4)
        (child,) = children_of(first.pid)
        for pid in (first.pid, child):
            os.kill(pid, signal.SIGSTOP)
        two = ordered(server, source, "two", state="two", store=store)
        second = start(two, tmp_path / "2", key="TWO", puts_per_s=15)
        until(lambda: sum(put.who == "TWO" for put in log.puts) >= 3)
        for pid in (first.pid, child):
            os.kill(pid, signal.SIGCONT)
        _, lost = ended(first)
        _, done = ended(second)
    assert (done["status"], done["error"]) == ("completed", None)
    assert (lost["status"], lost["exit_code"]) == ("failed", 5), lost
    assert "taken over" in lost["error"]
    assert server.content(done["snapshot_id"], 24) == source.read_bytes()
    assert list(log.turns().values()) == [["ONE", "TWO"]]


@pytest.mark.long
def test_several_volumes_together_use_the_quota_and_no_more(served, disk, ordered, monkeypatch):
    server = served(
        verify_signatures=False, puts_per_s_account=None, starts_per_s=10, completion_delay_s=0.1
    )
    log, rate, blocks = PutLog(monkeypatch), 60.0, 90
    quota = Handle(Quota(rate))
    sources = [disk(blocks, f"{number}.img") for number in range(4)]

    async def live():
        attempts = [
            Attempt(ordered(server, source, source.stem), quota, Handle(Mailbox()))
            for source in sources
        ]
        return await asyncio.gather(*(attempt.run() for attempt in attempts))

    ends = [end.outcome for end in asyncio.run(live())]
    assert [each.status for each in ends] == ["completed"] * 4, ends
    for outcome, source in zip(ends, sources, strict=True):
        assert server.content(outcome.snapshot_id, blocks) == source.read_bytes()
        assert outcome.puts["throttled"] == 0
    assert log.excess(rate) <= rate * LATE_S
    times = [put.at_s for put in log.puts]
    middle = [at for at in times if times[0] + 1 < at < times[-1] - 1]
    assert len(middle) / (middle[-1] - middle[0]) >= 0.8 * rate


@pytest.mark.long
def test_a_killed_process_takes_the_processes_that_put_beside_it_along(
    served, disk, ordered, monkeypatch, tmp_path
):
    server, source = served(verify_signatures=False), disk(300)
    log = PutLog(monkeypatch)
    order = ordered(server, source, "one", processes=3)
    task = start(order, tmp_path / "one", key="ONE", puts_per_s=60)
    until(lambda: children_of(task.pid))
    (child,) = children_of(task.pid)
    lanes = until(lambda: len(found := children_of(child, "bulkput.jobs.lanes")) == 2 and found)
    until(lambda: len(log.puts) >= 100)
    assert log.excess(60) <= 60 * LATE_S, "the lanes put beyond the share of their volume"
    os.kill(child, signal.SIGKILL)
    _, outcome = ended(task)
    assert (outcome["status"], outcome["exit_code"]) == ("failed", 137)
    until(lambda: all(map(has_ended, lanes)), 5)
    put = len(log.puts)
    task = start(order, tmp_path / "two", key="TWO", puts_per_s=1000)
    _, outcome = ended(task)
    assert (outcome["status"], outcome["error"]) == ("completed", None)
    assert server.content(outcome["snapshot_id"], 300) == source.read_bytes()
    assert len(log.puts) - put <= 300 - put + 64, "what was answered is not put again"
    log.require_one_writer_at_a_time()


@pytest.mark.long
@pytest.mark.parametrize("fault", ["hang", RuntimeError("the actor died")])
def test_the_uploads_go_on_within_the_quota_while_the_table_is_started_again(
    served, disk, ordered, monkeypatch, fault
):
    server = served(verify_signatures=False, puts_per_s_account=None)
    log, rate, blocks = PutLog(monkeypatch), 40.0, 150
    quota = Handle(Quota(rate))
    sources = [disk(blocks, f"{number}.img") for number in range(2)]

    async def live():
        running = [
            asyncio.create_task(
                Attempt(ordered(server, source, source.stem), quota, Handle(Mailbox())).run()
            )
            for source in sources
        ]
        await asyncio.to_thread(until, lambda: len(log.puts) >= 60)
        quota.fault = fault
        await asyncio.sleep(3)
        put = len(log.puts)
        quota.actor, quota.fault = Quota(rate, learns=True), None
        await asyncio.sleep(2)
        assert len(log.puts) > put > 60, "it stood still"
        return await asyncio.gather(*running)

    ends = [end.outcome for end in asyncio.run(live())]
    assert [(each.status, each.error) for each in ends] == [("completed", None)] * 2
    assert log.excess(rate) <= rate * LATE_S
    assert len(server.states()) == 2
    for outcome, source in zip(ends, sources, strict=True):
        assert server.content(outcome.snapshot_id, blocks) == source.read_bytes()
