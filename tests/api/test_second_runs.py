"""A second run of what runs already says so, and leaves the first alone."""

import asyncio
import contextlib

import pytest
from support.loops import loop_devices
from support.served import BLOCK

from bulkput import LedgerError, Phase, PhaseChanged, SourceError, load_job, run, upload


@contextlib.asynccontextmanager
async def running(start):
    """Have what ``start`` starts upload; it is cancelled at the end."""
    uploads = asyncio.Event()

    def on_event(event):
        if isinstance(event, PhaseChanged) and event.phase is Phase.UPLOADING:
            uploads.set()

    first = asyncio.create_task(start(on_event))
    waiting = asyncio.create_task(uploads.wait())
    await asyncio.wait({first, waiting}, return_when=asyncio.FIRST_COMPLETED)
    try:
        assert not first.done(), await first
        yield
    finally:
        waiting.cancel()
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)


async def test_of_a_device_it_is_the_upload_that_runs_not_another_program(options, image):
    with loop_devices() as attach:
        device = attach(image("device.img"))
        slow = options(device, rate_puts_per_s=4)
        async with running(lambda on_event: upload(slow, on_event=on_event)):
            with pytest.raises(LedgerError, match="this upload is already running: process"):
                await upload(slow)
            with pytest.raises(SourceError, match="is in use"):  # another upload of the same
                await upload(options(device, tags={"other": "one"}))


@pytest.fixture
def job(account, image, tmp_path):
    """Return a job of two volumes at four puts a second, written to the file of a name."""

    def make(name, *images, more=""):
        path = tmp_path / name
        volumes = "".join(f"  - source: {image(each)}\n" for each in images)
        path.write_text(
            f"version: 1\nregion: us-east-1\nendpoint: {account.url}\nstate_dir: state\n{more}"
            f"tuning: {{puts_per_s_snapshot: 4, window: {BLOCK}, shutdown_grace: 1s}}\n"
            f"volumes:\n{volumes}"
        )
        return load_job(path, environ={})

    return make


async def test_of_a_job_it_takes_none_of_its_volumes(job, account):
    one = job("one.yaml", "a.img", "b.img")
    before = len(account.states())
    async with running(lambda on_event: run(one, on_event=on_event)):
        with pytest.raises(LedgerError, match="this job is already running: process"):
            await run(job("the-same.yaml", "a.img", "b.img"))
        assert len(account.states()) == before + 1


async def test_a_job_of_other_volumes_is_another_job(job):
    async with running(lambda on_event: run(job("one.yaml", "a.img", "b.img"), on_event=on_event)):
        held, free = await run(job("two.yaml", "a.img", "c.img"))
    assert (held.status, free.status) == ("failed", "completed")
    assert "this upload is already running" in held.error


async def test_a_job_that_ended_leaves_nothing_that_holds_it(job, tmp_path):
    one = job("one.yaml", "a.img", "b.img")
    async with running(lambda on_event: run(one, on_event=on_event)):
        pass
    assert list((tmp_path / "state" / "running").iterdir()) == []
    done = await run(one)
    assert [each.status for each in done] == ["completed", "completed"]
