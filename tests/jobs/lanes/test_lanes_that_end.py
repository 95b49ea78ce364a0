"""Lanes that hang, are told to end or cannot start: each is noted once, and given nothing more."""

import asyncio
import errno
import socket
from types import SimpleNamespace

import pytest
from virtual_time import run_virtual

from bulkput.config.settings import JobSettings
from bulkput.jobs.lanes.crew import CrewParts
from bulkput.jobs.lanes.lane import _Lane, _sentence
from bulkput.jobs.lanes.lane_process import LaneProcess
from bulkput.jobs.lanes.orders import PutOrder
from bulkput.jobs.lanes.pool import open_lanes
from bulkput.jobs.lanes.pool_parts import parts_of_job
from bulkput.jobs.lanes.protocol import (
    CallKind,
    LaneLeft,
    LaneReady,
    Stop,
    WantPortion,
)
from bulkput.jobs.lanes.shared_calls import PacedCalls
from bulkput.jobs.session.context import JobContext
from bulkput.jobs.session.rate_limits import GET_RATE_LIMITS_DEFAULT, RateLimits
from bulkput.model.block import Extent
from bulkput.model.clock import LoopClock
from bulkput.model.errors import MachineError, SourceError
from bulkput.model.progress import Progress
from bulkput.pace.pacer import AccountPacer, Pacer
from bulkput.pipeline.budget import ByteBudget

PORTION = Extent(0, 64)


class Lane(LaneProcess):
    """A lane without a process: it keeps what it is sent, and ends when it is to."""

    def __init__(self, on_message, on_end):
        super().__init__(on_message, on_end)
        self.sent, self.orders, self.has_ended = [], 0, False

    name = "7"
    when_stopped = LaneLeft(end="it was told to end")
    is_over = property(lambda self: self.has_ended)

    async def start(self, _init):
        pass

    def order(self, *_):
        self.orders += 1
        self.say(LaneReady())

    def send(self, message):
        self.sent.append(message)
        if isinstance(message, Stop):
            self.end(self.when_stopped)

    def kill(self, why=None):
        super().kill(why)
        self.end()

    async def close(self):
        self.is_to_end = True
        self.end()

    def say(self, message):
        asyncio.get_running_loop().call_soon(self._on_message, self, message)

    def end(self, left=None):
        """Say this, and be gone a little later, as a process is."""
        if left is not None:
            self.say(left)
        asyncio.get_running_loop().call_later(0.1, self._gone)

    def _gone(self):
        if not self.has_ended:
            self.has_ended = True
            self._on_end(self, self._why or "it was killed by SIGKILL")


class Source:
    """Keys that are always there."""

    async def current(self):
        return "keys"


class Queue:
    """Lends one portion for ever."""

    def __init__(self):
        self.is_exhausted = False
        self.lent = []
        self.may_lend = asyncio.Event()
        self.may_lend.set()

    async def lend(self, _blocks):
        await self.may_lend.wait()
        self.lent.append(PORTION)
        return PORTION

    def take_back(self, portion):
        self.lent.remove(portion)


def pool_of(processes):
    settings = {
        "version": 1,
        "tuning": {"processes": processes},
        "volumes": [{"name": "disk", "source": "/dev/null"}],
    }
    given = {
        "settings": JobSettings.model_validate(settings),
        "rate_limits": RateLimits(1000.0, 1000.0),
        "get_rate_limits": GET_RATE_LIMITS_DEFAULT,
        "account": AccountPacer(1000.0),
        "get_account": AccountPacer(1000.0),
        "service": SimpleNamespace(region="eu-west-1", credentials=Source()),
        "clock": LoopClock(),
    }
    return parts_of_job(JobContext(**(dict.fromkeys(JobContext.__dataclass_fields__) | given)))


def crew_parts(pool, notes):
    account = pool.parts.accounts[CallKind.PUTS].pacer
    pacer = Pacer(ceiling_puts_per_s=1000, in_flight_max=64, account=account, clock=LoopClock())
    return CrewParts(
        calls=[PacedCalls(CallKind.PUTS, pacer, Progress("disk"), 1000.0, 64)],
        order=None,
        descriptors=(),
        budget=ByteBudget(1 << 30),
        shutdown_grace_s=5.0,
        note=notes.append,
        observer=SimpleNamespace(on_event=lambda _: None),
        clock=LoopClock(),
    )


@pytest.fixture
def live(monkeypatch):
    """Run a story of a pool of two processes, the second of which has the volume of a crew."""
    monkeypatch.setattr("bulkput.jobs.lanes.pool.LaneProcess", Lane)

    def run(story):
        async def main():
            async with open_lanes(pool_of(2)) as pool:
                notes, queue = [], Queue()
                with pool.put_crew(crew_parts(pool, notes), queue) as crew:
                    await asyncio.sleep(1)
                    (lane,) = crew.lanes
                    await story(SimpleNamespace(**locals()))

        run_virtual(main())

    return run


async def lend(at):
    """Let the lane have a portion."""
    at.lane.say(WantPortion())
    await asyncio.sleep(1)
    assert at.queue.lent == [PORTION]


def test_a_lane_that_hangs_for_a_minute_is_killed_and_its_part_is_others(live):
    async def story(at):
        await lend(at)
        await asyncio.sleep(58)
        assert (at.queue.lent, at.lane.has_ended) == ([PORTION], False)
        await asyncio.sleep(3)
        assert (at.queue.lent, at.lane.has_ended, at.crew.lanes) == ([], True, ())
        (note,) = at.notes
        assert "process 7, which put blocks beside this one, is gone: it hung for a min" in note

    live(story)


def test_a_lane_that_had_nothing_to_do_for_long_has_a_minute_for_its_next_volume(live):
    async def story(at):
        at.crew.is_closed = True  # it wants no lanes
        at.lane.say(LaneLeft())
        await asyncio.sleep(100.3)
        at.crew.is_closed = False
        at.pool._look()
        assert at.lane.orders == 2
        await asyncio.sleep(58)
        assert not at.lane.has_ended

    live(story)


LEFT = {
    "told": LaneLeft(end="it was told to end"),
    "lacking": LaneLeft(MachineError("too many open files")),
}


@pytest.mark.parametrize("left", LEFT.values(), ids=LEFT)
def test_a_lane_that_leaves_to_end_is_noted_once_and_gets_no_volume_again(live, left):
    async def story(at):
        await lend(at)
        at.lane.end(left)
        await asyncio.sleep(1)
        assert (at.queue.lent, at.lane.orders, at.lane.has_ended) == ([], 1, True)
        (note,) = at.notes
        assert f"is gone: {left.end or left.error}. What it had not put" in note
        assert at.pool._crew_of == {}, "what ended it may end the next one"

    live(story)


@pytest.mark.parametrize("crossing", [LaneLeft(), Lane.when_stopped])
def test_a_lane_of_a_volume_that_fails_is_given_to_no_other_one(live, crossing):
    async def story(at):
        at.lane.when_stopped = crossing
        at.crew.is_closed = True
        at.lane.say(LaneLeft())
        await asyncio.sleep(1)
        notes = []
        with at.pool.put_crew(crew_parts(at.pool, notes), Queue()) as failing:
            assert failing.lanes == (at.lane,)
            at.crew.is_closed = False

            async def fail():
                await asyncio.sleep(1)
                raise SourceError("/dev/sdx", "cannot be read")

            with pytest.raises(SourceError):
                await failing.run(fail())
        await asyncio.sleep(1)
        assert (at.lane.orders, at.lane.has_ended, at.notes, notes) == (2, True, [], [])
        assert len(at.crew.lanes) == 1, "it was its volume that ended it, not the machine"

    live(story)


def test_what_is_found_for_a_lane_that_is_gone_is_not_lost_when_it_comes_back(live):
    async def story(at):
        at.queue.may_lend.clear()
        at.lane.say(WantPortion())
        await asyncio.sleep(1)
        at.lane.say(LaneLeft())
        await asyncio.sleep(1)
        assert at.lane.orders == 2
        at.queue.may_lend.set()
        await asyncio.sleep(1)
        at.lane.kill()
        await asyncio.sleep(1)
        assert at.queue.lent == []

    live(story)


@pytest.mark.parametrize("processes", [3, "auto"])
def test_processes_that_cannot_be_started_are_done_without(monkeypatch, processes):
    tries = []

    async def refuse(_lane, _init):
        tries.append(1)
        raise BlockingIOError(11, "Resource temporarily unavailable")

    async def main():
        monkeypatch.setattr(LaneProcess, "start", refuse)
        monkeypatch.setattr("bulkput.jobs.lanes.pool_parts.usable_processors", lambda: 3)
        async with open_lanes(pool_of(processes)) as pool:
            with pool.put_crew(crew_parts(pool, []), Queue()):
                pool._found.count = 2
                await asyncio.sleep(10)

    run_virtual(main())
    assert len(tries) == 2


SHORT = {
    "memory": (OSError(errno.ENOMEM, "Cannot allocate memory"), "there is no memory left: lower"),
    "objects": (MemoryError(), "there is no memory left: lower"),
    "threads": (RuntimeError("can't start new thread"), "no more threads or processes may be"),
    "files": (OSError(errno.EMFILE, "Too many open files"), "may open no more files: raise"),
}


@pytest.mark.parametrize("is_alone", [True, False])
@pytest.mark.parametrize(("error", "words"), SHORT.values(), ids=SHORT)
def test_what_a_lane_lacks_is_no_defect(capfd, error, words, is_alone):
    sentence = _sentence(error if is_alone else ExceptionGroup("stages", [error]))
    assert words in sentence
    assert "defect" not in sentence
    assert capfd.readouterr() == ("", "")


def test_a_lane_that_has_no_room_for_the_files_of_a_volume_lacks_descriptors():
    passed = SimpleNamespace(recvmsg=lambda *_: (b"\0", [], socket.MSG_CTRUNC, None))
    order = PutOrder(**dict.fromkeys(PutOrder._fields))
    with pytest.raises(OSError, match="Too many open files") as caught:
        _Lane(None, None, None, None, None, passed, None)._take(order)
    assert "may open no more files" in _sentence(caught.value)
