"""Puts in a window of the day only: when it is open, and that the pacer holds to it."""

from datetime import datetime

import pytest
from virtual_time import run_virtual

from bulkput.config.load import load_settings
from bulkput.jobs.session.put_window import PutWindow
from bulkput.model.clock import LoopClock
from bulkput.model.daily_window import DailyWindow
from bulkput.model.errors import ConfigError
from bulkput.model.progress import Progress
from bulkput.pace.pacer import AccountPacer, Pacer


@pytest.mark.parametrize(
    ("window", "now", "wait_s"),
    [
        ("22:00-06:00", "22:00:00", 0),
        ("22:00-06:00", "23:59:59", 0),
        ("22:00-06:00", "00:00:00", 0),
        ("22:00-06:00", "05:59:59.9", 0),
        ("22:00-06:00", "06:00:00", 16 * 3600),
        ("22:00-06:00", "21:59:30", 30),
        ("09:00-17:30", "09:00:00", 0),
        ("09:00-17:30", "17:29:59", 0),
        ("09:00-17:30", "17:30:00", 15.5 * 3600),
        ("09:00-17:30", "08:00:00", 3600),
        ("09:00-17:30", "00:00:00", 9 * 3600),
        ("12:00-12:00", "03:00:00", 0),
        ("00:00-00:01", "00:00:59", 0),
        ("00:00-00:01", "00:01:00", 86340),
    ],
)
def test_a_window_reports_how_long_it_is_until_it_opens(window, now, wait_s):
    when = datetime.fromisoformat(f"2026-11-28T{now}")
    assert DailyWindow.parse(window).wait_s(when) == wait_s


@pytest.mark.parametrize(
    ("window", "closed_h"),
    [("22:00-06:00", 16), ("09:00-17:00", 16), ("12:00-12:00", 0), ("00:00-23:00", 1)],
)
def test_a_window_reports_how_long_it_is_closed(window, closed_h):
    assert DailyWindow.parse(window).closed_s == closed_h * 3600
    assert str(DailyWindow.parse(window)) == window


def test_a_pause_longer_than_the_service_waits_is_refused(problems):
    job = "version: 1\nwindow: 22:00-06:00\nvolumes: [{source: a, snapshot: {timeout_min: 60}}]"
    ((path, line, expected),) = problems(job)
    assert (path, line) == ("volumes[0].snapshot.timeout_min", 3)
    assert "960 minutes" in expected


@pytest.fixture
def problems(tmp_path):
    def problems_of(content):
        path = tmp_path / "job.yaml"
        path.write_text(content)
        with pytest.raises(ConfigError) as caught:
            load_settings(path, environ={})
        return [(each.path, each.line, each.expected) for each in caught.value.problems]

    return problems_of


def test_puts_wait_for_the_window_and_say_so():
    evening = datetime(2026, 11, 28, 21, 59, 50).timestamp()  # noqa: DTZ001 - the machine's own time
    notes, started = [], []

    async def main():
        clock = LoopClock()
        epoch_s = evening - clock.monotonic_s()
        clock = LoopClock(epoch_s)
        progress = Progress("a")
        gate = PutWindow(DailyWindow.parse("22:00-22:01"), clock, progress, notes.append)
        pacer = Pacer(
            ceiling_puts_per_s=0.1,
            in_flight_max=100,
            account=AccountPacer(0.1),
            clock=clock,
            gate=gate,
        )
        for _ in range(12):
            admission = await pacer.admit()
            started.append(datetime.fromtimestamp(clock.unix_s()))  # noqa: DTZ006 - as above
            pacer.settled(admission, None)

    run_virtual(main())
    assert started[0] == datetime(2026, 11, 28, 22, 0)  # noqa: DTZ001 - as above
    days = {each.date() for each in started}
    assert days == {datetime(2026, 11, 28).date(), datetime(2026, 11, 29).date()}  # noqa: DTZ001
    # A put that had its turn in time starts an interval of the rate later.
    assert all((each.hour, each.minute) in {(22, 0), (22, 1)} for each in started)
    assert notes[:2] == [
        "puts are paused until 22:00 (window: 22:00-22:01)",
        "puts continue (window: 22:00-22:01)",
    ]
