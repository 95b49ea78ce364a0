"""Who only looks at a source takes it from nobody: a plan or a check beside its running upload."""

import os
from pathlib import Path

import pytest
from api.test_second_runs import running
from support.loops import loop_devices

from bulkput import LedgerError, SourceError, plan, upload
from bulkput.jobs.check.sources import look_at_source
from bulkput.jobs.session.source import open_to_look


def look(options):
    settings = options.settings
    return look_at_source(settings, settings.volumes[0], settings.state_dir)


@pytest.fixture
def source(image, request):
    """Return an image, or a device of it."""
    with loop_devices() as attach:
        made = image("disk.img", blocks=16)
        yield attach(made) if request.param == "device" else made


@pytest.mark.parametrize("source", ["device", "file"], indirect=True)
async def test_a_running_upload_is_planned_and_named(options, source):
    slow = options(source, rate_puts_per_s=4)
    async with running(lambda on_event: upload(slow, on_event=on_event)):
        (forecast,) = (await plan(slow)).volumes
        assert forecast.tally.data
        assert forecast.notes[0].startswith("this upload is running now: process ")
        assert forecast.resumed is not None
        finding, blocks = look(slow)
        assert (finding.status, blocks) == ("warning", 16)
        assert "this upload is running now: process " in finding.what
        assert "wait" in finding.advice.lower()


async def test_another_upload_of_the_same_device_is_in_use_still(options, image):
    with loop_devices() as attach:
        device = attach(image("disk.img"))
        slow = options(device, rate_puts_per_s=4)
        async with running(lambda on_event: upload(slow, on_event=on_event)):
            other = options(device, tags={"other": "one"})
            (forecast,) = (await plan(other)).volumes
            assert "is in use" in forecast.error
            assert look(other)[0].status == "failure"


async def test_a_device_that_is_planned_can_be_claimed_by_its_upload(options, image):
    with loop_devices() as attach:
        device = attach(image("disk.img"))
        settings = options(device).settings
        source, note = open_to_look(settings, settings.volumes[0], settings.state_dir)
        os.close(os.open(device, os.O_RDONLY | os.O_EXCL))
        source.close()
        assert note is None


async def test_a_device_that_others_have_claimed_is_refused_as_before(options, image):
    with loop_devices() as attach:
        device = attach(image("disk.img"))
        descriptor = os.open(device, os.O_RDONLY | os.O_EXCL)
        settings = options(device).settings
        with pytest.raises(SourceError, match="is in use"):
            open_to_look(settings, settings.volumes[0], settings.state_dir)
        os.close(descriptor)


def test_a_source_is_closed_if_it_is_not_known_who_works_on_it(options, image, monkeypatch):
    def unreadable(*_):
        raise LedgerError("state", "cannot be read")

    monkeypatch.setattr("bulkput.jobs.session.source.holder_of_upload", unreadable)
    settings = options(image("disk.img")).settings
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(LedgerError) as caught:
        open_to_look(settings, settings.volumes[0], settings.state_dir)
    assert caught.value.__traceback__ is not None  # which keeps the source from being collected
    assert len(list(Path("/proc/self/fd").iterdir())) == before
