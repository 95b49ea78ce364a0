"""Which attempts are ended where nothing moves: on virtual time, without a wire."""

import asyncio
from types import SimpleNamespace

import pytest
from virtual_time import run_virtual

from bulkput.ebs.stall_watchdog import PATIENCE_FACTOR_MAX, Attempt, Watch

STILL_S = 12.0


class Under:
    """Attempts under way, and when each was ended."""

    def __init__(self):
        self.now_s = asyncio.get_running_loop().time
        self.watch = Watch(attempt_s=20.0, no_progress_s=STILL_S)
        self.ended_s = []

    def begin(self):
        """A connection whose kernel counts nothing: nothing ever moves on it."""
        transport = SimpleNamespace(get_extra_info=lambda _: None, abort=lambda: self._end(attempt))
        attempt = Attempt(transport, self.now_s(), self.now_s(), has_body=True)
        self.watch.begin(attempt)
        return attempt

    def _end(self, attempt):
        self.ended_s.append(self.now_s())
        asyncio.get_running_loop().call_soon(self.watch.end, attempt)


def told(story):
    async def run():
        under = Under()
        try:
            return await story(under)
        finally:
            under.watch.close()

    return run_virtual(run())


@pytest.mark.parametrize("count", [2, 20])
def test_where_nothing_is_answered_one_is_ended_and_the_others_get_twice_the_time(count):
    async def story(under):
        for _ in range(count):
            under.begin()
        await asyncio.sleep(6 * STILL_S)
        return under.ended_s

    ended_s = told(story)
    assert ended_s == sorted(ended_s)
    assert len(ended_s) == min(count, 3)
    for number, each in enumerate(ended_s):
        least_s = STILL_S * 2**number
        assert least_s <= each <= least_s * 1.2


def test_what_is_still_while_another_one_is_answered_is_ended():
    async def story(under):
        for _ in range(8):
            under.begin()
        await asyncio.sleep(1.2 * STILL_S)
        assert len(under.ended_s) == 1
        again = under.begin()
        await asyncio.sleep(0.1)
        under.watch.answered(again)
        under.watch.end(again)
        await asyncio.sleep(0.3 * STILL_S)
        return len(under.ended_s)

    assert told(story) == 8


def test_after_an_answer_an_attempt_has_no_more_time_than_at_first():
    async def story(under):
        under.begin()
        await asyncio.sleep(1.2 * STILL_S)
        again = under.begin()
        under.watch.answered(again)
        under.watch.end(again)
        under.begin()
        await asyncio.sleep(1.2 * STILL_S)
        return len(under.ended_s)

    assert told(story) == 2


def test_nobody_is_given_time_without_end():
    async def story(under):
        for _ in range(5):
            under.begin()
        await asyncio.sleep(1.3 * PATIENCE_FACTOR_MAX * STILL_S)
        return len(under.ended_s)

    assert told(story) == 5
