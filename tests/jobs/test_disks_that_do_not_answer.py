"""A disk that hangs while it is looked at, before there are workers: a signal ends the verb."""

import asyncio
import threading

import pytest

from bulkput.config.settings import JobSettings
from bulkput.jobs.bench.measure_host import measure_host
from bulkput.jobs.check.check_job import check_job
from bulkput.jobs.verify.request import VerifyRequest
from bulkput.jobs.verify.verify_snapshot import verify_snapshot


def verified(settings):
    request = VerifyRequest("snap-0123456789abcdef0", settings.volumes[0])
    return verify_snapshot(settings, request, lambda _: None, lambda _: None)


@pytest.mark.parametrize(
    ("verb", "look"),
    [
        (verified, "verify.verify_snapshot.open_volume"),
        (lambda settings: check_job(settings, settings.volumes), "check.check_job.look_at_source"),
        (lambda settings: measure_host(settings, lambda _: None), "bench.measure_host.open_volume"),
    ],
    ids=["verify", "check", "bench"],
)
async def test_a_disk_that_hangs_while_it_is_looked_at_holds_no_verb(
    tmp_path, monkeypatch, verb, look
):
    looked, answers, threads = asyncio.Event(), threading.Event(), []
    loop = asyncio.get_running_loop()

    def hang(*_):
        threads.append(threading.current_thread())
        loop.call_soon_threadsafe(looked.set)
        answers.wait(2)
        raise OSError

    monkeypatch.setattr(f"bulkput.jobs.{look}", hang)
    monkeypatch.setattr("bulkput.pipeline.workers._LEAVE_LIMIT_S", 0)
    volume = {"name": "disk", "source": {"path": tmp_path / "disk.img"}}
    wanted = {"version": 1, "endpoint": "embedded", "state_dir": tmp_path, "volumes": [volume]}
    task = asyncio.create_task(verb(JobSettings.model_validate(wanted)))
    await looked.wait()
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (thread,) = threads
    assert thread.is_alive()
    assert thread.daemon
    answers.set()
    thread.join()
