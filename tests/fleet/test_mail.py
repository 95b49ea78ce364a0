"""Messages reach the driver, and its wish to stop reaches the attempt."""

import asyncio

import pytest
from support.fleet_actors import Handle, Mailbox, order
from virtual_time import run_virtual

from bulkput.fleet.mail import MESSAGES_MAX, PUSH_S, SILENT_S, Mail
from bulkput.fleet.protocol import VolumeProgress
from bulkput.model.events import Noted
from bulkput.model.progress import Progress

JOB = {"version": 1, "volumes": [{"name": "disk", "source": "/dev/null"}]}


def lived(story):
    async def live():
        handle, reasons = Handle(Mailbox()), []
        mail = Mail(order(JOB), handle, reasons.append)
        running = asyncio.create_task(mail.run())
        await story(mail, handle, reasons)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    run_virtual(live())


def test_messages_come_in_their_order_and_of_counters_only_the_last():
    async def story(mail, handle, reasons):
        await asyncio.sleep(PUSH_S / 2)
        for blocks in range(3):
            mail.add(Noted("disk", str(blocks)))
            mail.add(VolumeProgress(Progress("disk", blocks_put=blocks)))
        await asyncio.sleep(PUSH_S)
        sent = [(volume, client, type(each)) for volume, client, each in handle.actor.messages]
        assert sent == [("disk", "client-1", Noted)] * 3 + [("disk", "client-1", VolumeProgress)]
        assert [each.text for each in handle.actor.of(Noted)] == ["0", "1", "2"]
        assert handle.actor.of(VolumeProgress)[0].progress.blocks_put == 2

    lived(story)


@pytest.mark.parametrize("fault", ["hang", RuntimeError("dead")])
def test_what_could_not_be_pushed_is_kept_in_bounds_and_comes_later(fault):
    async def story(mail, handle, reasons):
        handle.fault = fault
        for number in range(MESSAGES_MAX + 10):
            mail.add(Noted("disk", str(number)))
            if number == 500:
                await asyncio.sleep(3)
        await asyncio.sleep(3)
        handle.fault = None
        await asyncio.sleep(3)
        texts = [each.text for each in handle.actor.of(Noted)]
        assert texts == [str(number) for number in range(10, MESSAGES_MAX + 10)]
        assert not reasons

    lived(story)


def test_the_drivers_wish_to_stop_is_heard_with_the_next_push():
    async def story(mail, handle, reasons):
        await asyncio.sleep(1)
        assert not reasons
        handle.actor.stop()
        await asyncio.sleep(PUSH_S + 0.01)
        assert set(reasons) == {"the run was stopped"}

    lived(story)


@pytest.mark.parametrize("fault", ["hang", RuntimeError("dead")])
def test_a_driver_that_is_gone_for_long_is_gone_for_good(fault):
    async def story(mail, handle, reasons):
        handle.fault = fault
        await asyncio.sleep(SILENT_S - 5)
        assert not reasons
        await asyncio.sleep(10)
        assert set(reasons) == {"the run that wants it is gone"}

    lived(story)
