"""``upload`` as a Python program calls it: what it gives, raises, reports, and leaves alone."""

import asyncio
import logging
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
import uvloop
from support.served import BLOCK

from bulkput import (
    BulkputError,
    ConfigError,
    LedgerError,
    Phase,
    PhaseChanged,
    ServiceError,
    SourceError,
    TuningSettings,
    UploadOptions,
    VolumeEnded,
    VolumeStarted,
    upload,
)
from bulkput.jobs.session import account_pacer
from bulkput.pace.pacer import AccountPacer


def surroundings():
    """Return what of a process a library must leave alone."""
    names = (None, "bulkput", "botocore", "aiobotocore", "aiohttp", "asyncio")
    loggers = [logging.getLogger(name) for name in names]
    return (
        dict(os.environ),
        [signal.getsignal(number) for number in signal.valid_signals()],
        [(each.level, list(each.handlers), each.disabled) for each in loggers],
    )


async def test_an_upload_inside_a_running_loop_returns_what_became_of_it(options, image, account):
    path = image()
    outcome = await upload(options(path, tags={"Name": "web"}, verify="full"))
    assert outcome.status == "completed"
    assert outcome.verified == "full"
    assert outcome.blocks["put"] == 8
    assert 0 < outcome.upload_s < outcome.elapsed_s
    assert account.tags(outcome.snapshot_id)["Name"] == "web"
    assert account.content(outcome.snapshot_id, 8) == path.read_bytes()


def test_uvloop_makes_no_difference(options, image, account):
    path = image("uvloop.img")
    outcome = uvloop.run(upload(options(path)))
    assert account.content(outcome.snapshot_id, 8) == path.read_bytes()


def test_two_threads_upload_in_event_loops_of_their_own(options, image, account):
    paths = [image(f"thread-{number}.img") for number in range(2)]
    with ThreadPoolExecutor(2) as pool:
        outcomes = pool.map(lambda path: asyncio.run(upload(options(path))), paths)
        for path, outcome in zip(paths, outcomes, strict=True):
            assert account.content(outcome.snapshot_id, 8) == path.read_bytes()


async def test_the_process_around_it_is_left_alone_and_nothing_is_printed(options, image, capfd):
    before = surroundings()
    seen = []
    await upload(options(image()), on_event=lambda _: seen.append(surroundings() == before))
    assert len(seen) > 3
    assert all(seen)
    assert surroundings() == before
    assert capfd.readouterr() == ("", "")


async def test_uploads_at_once_do_not_disturb_each_other(options, image, account):
    paths = [image(f"{number}.img") for number in range(3)]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(upload(options(path))) for path in paths]
    snapshot_ids = [task.result().snapshot_id for task in tasks]
    assert len(set(snapshot_ids)) == 3
    for path, snapshot_id in zip(paths, snapshot_ids, strict=True):
        assert account.content(snapshot_id, 8) == path.read_bytes()


async def test_the_callback_hears_every_phase_and_a_progress_that_stays_current(options, image):
    heard, counts = [], []

    def on_event(event):
        heard.append(event)
        counts.append(heard[0].progress.blocks_put)

    outcome = await upload(options(image()), on_event=on_event)
    assert isinstance(heard[0], VolumeStarted)
    phases = [event.phase for event in heard if isinstance(event, PhaseChanged)]
    assert phases == [Phase.STARTING, Phase.UPLOADING, Phase.SEALING, Phase.WAITING]
    assert heard[-1] == VolumeEnded(outcome)
    assert (counts[0], counts[-1]) == (0, 8)


async def test_a_cancelled_upload_has_no_put_under_way_and_the_next_call_goes_on(
    options, image, account
):
    path = image("cancelled.img", blocks=24)
    slow = options(path, rate_puts_per_s=40)
    started = asyncio.get_running_loop().create_future()

    def on_event(event):
        if isinstance(event, VolumeStarted):
            started.set_result(event.progress)

    task = asyncio.create_task(upload(slow, on_event=on_event))
    progress = await started
    while progress.blocks_put < 4:  # noqa: ASYNC110 - counters are polled, as a display does it
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert progress.in_flight == 0
    put = progress.blocks_put
    outcome = await upload(options(path))
    assert outcome.snapshot_id == progress.snapshot_id
    assert (outcome.blocks["resumed"], outcome.blocks["put"]) == (put, 24 - put)
    assert account.content(outcome.snapshot_id, 24) == path.read_bytes()


async def test_a_ledger_that_is_in_use_is_refused_in_the_same_process_too(options, image):
    slow = options(image("busy.img"), rate_puts_per_s=4)
    has_begun = asyncio.Event()

    def on_event(event):
        if isinstance(event, PhaseChanged) and event.phase is Phase.UPLOADING:
            has_begun.set()

    first = asyncio.create_task(upload(slow, on_event=on_event))
    await has_begun.wait()
    try:
        with pytest.raises(LedgerError, match="is working on this upload"):
            await upload(slow)
    finally:
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)


async def test_every_wrong_option_is_reported_at_once_by_its_own_name(account):
    wrong = UploadOptions(
        "",
        region="nowhere",
        tags={"aws:x": "y"},
        volume_size_gib=0,
        encrypted=False,
        kms_key_arn="arn:aws:kms:eu-central-1:111122223333:key/1234",
    )
    with pytest.raises(ConfigError) as caught:
        await upload(wrong)
    named = {problem.path for problem in caught.value.problems}
    assert named >= {"source", "region", "tags", "volume_size_gib", "kms_key_arn"}


async def test_a_source_that_cannot_be_read_raises_its_own_error(options, tmp_path):
    with pytest.raises(SourceError) as caught:
        await upload(options(tmp_path / "missing.img"))
    assert caught.value.path == tmp_path / "missing.img"
    assert caught.value.status == 6


async def test_a_refusal_of_the_service_keeps_its_facts(options, image, account):
    account.fail("StartSnapshot")
    with pytest.raises(ServiceError) as caught:
        await upload(options(image("refused.img")))
    assert (caught.value.operation, caught.value.http_status) == ("StartSnapshot", 403)
    assert isinstance(caught.value, BulkputError)


async def test_what_the_callback_raises_ends_the_upload_which_can_be_resumed(options, image):
    path = image("raising.img")

    def on_event(event):
        if isinstance(event, PhaseChanged) and event.phase is Phase.SEALING:
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await upload(options(path), on_event=on_event)
    assert (await upload(options(path))).blocks["put"] == 0


async def test_a_completed_snapshot_that_was_not_returned_is_returned_by_the_next_call(
    options, image
):
    path = image("unreturned.img")
    first = []

    def on_event(event):
        if isinstance(event, VolumeEnded):
            first.append(event.outcome.snapshot_id)
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await upload(options(path), on_event=on_event)
    again = await upload(options(path))
    assert ([again.snapshot_id], again.blocks["put"]) == (first, 0)
    assert (await upload(options(path))).snapshot_id != again.snapshot_id


async def test_variables_of_the_command_line_do_not_count(options, image, monkeypatch, tmp_path):
    monkeypatch.setenv("BULKPUT_STATE_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("BULKPUT_NO_SUCH_THING", "1")
    await upload(options(image()))
    assert not (tmp_path / "elsewhere").exists()


async def test_tuning_is_what_the_section_of_a_file_is(options, image):
    heard = []
    tuning = TuningSettings(in_flight_max=1, memory_budget="32MiB", window=BLOCK)
    outcome = await upload(options(image(), tuning=tuning), on_event=heard.append)
    assert outcome.status == "completed"
    assert heard[0].progress.bytes_in_flight_max <= 32 << 20


async def test_uploads_at_once_share_the_rate_of_their_account(options, image, monkeypatch):
    made = []

    class Counted(AccountPacer):
        def __init__(self, per_s, limiter):
            made.append(per_s)
            super().__init__(per_s, limiter)

    monkeypatch.setattr(account_pacer, "AccountPacer", Counted)
    tuning = TuningSettings(puts_per_s_account=20.0, window=BLOCK)
    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(upload(options(image(f"shared-{number}.img"), tuning=tuning)))
    assert made.count(20.0) == 1
