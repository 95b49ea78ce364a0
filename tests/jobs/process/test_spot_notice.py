"""The spot notice, against a metadata server on loopback that speaks IMDSv2."""

import asyncio

import pytest
from aiohttp import web

from bulkput.jobs.process.spot_interruption import SpotWatch, metadata_url
from bulkput.model.clock import LoopClock
from bulkput.model.errors import TemporaryError


class Metadata:
    """Answers 404 until ``notice`` is set; refuses requests without its token."""

    def __init__(self):
        self.notice = None
        self.text = None
        self.polls = 0
        self.token = "token-1"

    async def __aenter__(self):
        app = web.Application()
        app.router.add_put("/latest/api/token", self._give_token)
        app.router.add_get("/latest/meta-data/spot/instance-action", self._give_notice)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_):
        await self._runner.cleanup()

    async def _give_token(self, request):
        assert request.headers["X-aws-ec2-metadata-token-ttl-seconds"] == "21600"
        return web.Response(text=self.token)

    async def _give_notice(self, request):
        self.polls += 1
        if request.headers.get("X-aws-ec2-metadata-token") != self.token:
            return web.Response(status=401)
        if self.text is not None:
            return web.Response(text=self.text)
        if self.notice is None:
            return web.Response(status=404)
        return web.json_response(self.notice)


class SteppedClock(LoopClock):
    """Does not wait; after some polls something happens."""

    def __init__(self, steps):
        super().__init__()
        self._steps = iter(steps)

    async def sleep(self, delay_s):
        assert delay_s == 5.0
        step = next(self._steps, None)
        if step is None:
            raise asyncio.CancelledError
        step()


async def test_a_notice_ends_the_job_as_temporary_and_says_when():
    async with Metadata() as metadata:

        def take_back():
            metadata.notice = {"action": "terminate", "time": "2026-11-25T08:22:00Z"}

        clock = SteppedClock([lambda: None, take_back])
        with pytest.raises(TemporaryError, match="terminate at 2026-11-25T08:22:00Z"):
            await SpotWatch(metadata.url, clock).run(lambda: None)
        assert metadata.polls == 3


async def test_a_token_that_is_refused_is_asked_for_anew():
    async with Metadata() as metadata:

        def expire():
            metadata.token = "token-2"

        def take_back():
            metadata.notice = {"action": "stop", "time": "soon"}

        clock = SteppedClock([expire, take_back, lambda: None])
        with pytest.raises(TemporaryError, match="stop at soon"):
            await SpotWatch(metadata.url, clock).run(lambda: None)


async def test_a_metadata_service_that_is_gone_is_no_notice():
    async with Metadata() as metadata:
        url = metadata.url
    clock = SteppedClock([lambda: None, lambda: None])
    with pytest.raises(asyncio.CancelledError):
        await SpotWatch(url, clock).run(lambda: None)


@pytest.mark.parametrize("notice", [[], {}, "terminate", {"time": "now"}])
async def test_an_answer_of_another_form_is_no_notice(notice):
    async with Metadata() as metadata:
        metadata.notice = notice
        with pytest.raises(asyncio.CancelledError):
            await SpotWatch(metadata.url, SteppedClock([lambda: None])).run(lambda: None)


@pytest.mark.parametrize("text", ["[" * 100_000, "[" * 4000, "\ud800", "x" * 9_000_000, ""])
async def test_nothing_that_it_answers_ends_an_upload(text):
    async with Metadata() as metadata:
        metadata.text = text.encode("utf-8", "replace").decode()
        with pytest.raises(asyncio.CancelledError):
            await SpotWatch(metadata.url, SteppedClock([lambda: None])).run(lambda: None)


def test_only_ec2_is_asked(tmp_path):
    vendor, hypervisor = tmp_path / "sys_vendor", tmp_path / "uuid"
    marks = ((vendor, "Amazon EC2"), (hypervisor, "ec2"))
    assert metadata_url({}, marks) is None
    vendor.write_text("QEMU\n")
    assert metadata_url({}, marks) is None
    vendor.write_text("Amazon EC2\n")
    assert metadata_url({}, marks) == "http://169.254.169.254"
    assert metadata_url({"AWS_EC2_METADATA_DISABLED": "true"}, marks) is None
    given = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1338/"}
    assert metadata_url(given, ()) == "http://127.0.0.1:1338"


def test_ec2_on_xen_is_distinguished_from_other_xen(tmp_path):
    vendor, hypervisor = tmp_path / "sys_vendor", tmp_path / "uuid"
    marks = ((vendor, "Amazon EC2"), (hypervisor, "ec2"))
    vendor.write_text("Xen\n")
    hypervisor.write_text("e7a1b2c3-0000-0000-0000-000000000000\n")
    assert metadata_url({}, marks) is None
    hypervisor.write_text("ec2e1916-9099-7caf-fd21-012345abcdef\n")
    assert metadata_url({}, marks) == "http://169.254.169.254"
