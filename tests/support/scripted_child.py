"""An attempt of a fleet on virtual time, whose process does as its script says."""

import asyncio
import contextlib

from support.fleet_actors import Handle, Mailbox, Quota, order
from virtual_time import run_virtual

from bulkput.fleet import volume_task
from bulkput.fleet.protocol import SetShare, ShareTaken, StopVolume, VolumeFinished
from bulkput.fleet.unfinished import stopped
from bulkput.fleet.volume_task import Attempt
from bulkput.model.outcome import VolumeOutcome
from bulkput.model.progress import Progress

JOB = {"version": 1, "volumes": [{"name": "disk", "source": "/dev/null"}]}
GRACE_S = order(JOB).settings.tuning.shutdown_grace_s
DONE = VolumeOutcome(volume="disk", source="/dev/null", status="completed", snapshot_id="snap-1")


class Child:
    """A process that does as its script says."""

    def __init__(self, *, heeds_stop=True, status=0, words=""):
        self.heeds_stop, self.status, self.last_words = heeds_stop, status, words
        self.received, self.killed_s, self.is_ended = [], None, False
        self._out = asyncio.Queue()

    def send(self, message):
        self.received.append(message)
        if isinstance(message, SetShare):
            self._out.put_nowait(ShareTaken(message.share.number))
        elif isinstance(message, StopVolume) and self.heeds_stop:
            outcome = stopped(order(JOB), message.why, Progress("disk", blocks_put=7))
            self.finish(outcome)

    def finish(self, outcome=None):
        if outcome is not None:
            self._out.put_nowait(VolumeFinished(outcome))
        self._out.put_nowait(None)

    def report(self, message):
        self._out.put_nowait(message)

    async def messages(self):
        while (message := await self._out.get()) is not None:
            yield message

    def kill(self):
        self.killed_s, self.status = asyncio.get_running_loop().time(), -9
        self._out.put_nowait(None)

    async def end(self):
        self.is_ended = True
        return self.status


def lived(monkeypatch, story, **script):
    """Return the end of an attempt with a scripted process, which ``story`` goes along with."""

    async def live():
        child, quota, mailbox = Child(**script), Handle(Quota(now_s=now_s)), Handle(Mailbox())

        async def start():
            return child

        monkeypatch.setattr(volume_task, "start_volume_child", start)
        monkeypatch.setattr(volume_task, "_sigterm", lambda _: contextlib.nullcontext())
        attempt = Attempt(order(JOB), quota, mailbox)
        attempt._keeper._now_s = now_s
        running = asyncio.create_task(attempt.run())
        await asyncio.sleep(1)
        await story(child, quota, mailbox, running)
        end = await running
        assert child.is_ended
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert not left, "it left something behind"
        return end, child, quota.actor

    return run_virtual(live())


def now_s():
    return asyncio.get_running_loop().time()
