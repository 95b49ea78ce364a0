"""The live display, drawn on a terminal that is a string."""

import re
import subprocess
import sys

import pytest
from rich.console import Console

from bulkput.model.events import Noted, VolumeEnded, VolumeStarted
from bulkput.model.progress import Phase, Progress
from bulkput.observe.display import DisplayReporter, console_on
from bulkput.observe.lines import LinesReporter
from bulkput.observe.open import open_reporter
from bulkput.observe.run_events import RunStarted
from bulkput.observe.verbosity import Verbosity

CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def display_on(stream, width=80, **console_options):
    options = {"color_system": None, "markup": False, "highlight": False} | console_options
    console = Console(file=stream, force_terminal=True, width=width, **options)
    return DisplayReporter(console, Verbosity.NORMAL, announce_ends=True)


def drawn(stream, action):
    """Return the rows that ``action`` draws, without control sequences."""
    start = stream.tell()
    action()
    return CONTROLS.sub("", stream.getvalue()[start:]).replace("\r", "").splitlines()


def test_two_rows_show_everything_that_is_asked_for(terminal, progress):
    display = display_on(terminal)
    display.on_event(VolumeStarted(progress, "/disks/web.img"))
    progress.puts.retried, progress.puts.throttled = 3, 1
    display.tick(0.0)
    progress.blocks_put = 400
    heading, figures = drawn(terminal, lambda: display.tick(1.0))
    assert re.fullmatch(r"web-01 uploading ━+\S* +40\.0%", heading)
    assert len(heading) == 80
    assert figures.strip() == (
        "400 puts/s  200.0 MiB/s  64 in flight  3 retries  1 throttle  1.5s left"
    )


@pytest.mark.parametrize(
    ("phase", "width", "expected"),
    [
        (Phase.UPLOADING, 80, "on db-host  0 puts/s  0.0 MiB/s  64 in flight  0 retries"),
        (Phase.UPLOADING, 24, "0 puts/s  0.0 MiB/s"),
        (Phase.WAITING, 80, "on db-host  for 1.0s"),
    ],
)
def test_a_volume_of_a_fleet_names_its_host(terminal, progress, phase, width, expected):
    display = display_on(terminal, width=width)
    progress.host, progress.phase = "db-host", phase
    display.on_event(VolumeStarted(progress, "/disks/web.img"))
    display.tick(0.0)
    _, figures = drawn(terminal, lambda: display.tick(1.0))
    assert figures.strip().startswith(expected)


def test_all_volumes_of_a_job_stand_in_one_display(terminal, progress, done, failed):
    display = display_on(terminal)
    other = Progress("database-with-a-very-very-long-name", phase=Phase.WAITING)
    for event in (
        RunStarted(5, "0.1.0", 1, "host"),
        VolumeStarted(progress, "/disks/web.img"),
        VolumeStarted(other, "/disks/db.img"),
        VolumeStarted(Progress("db-02"), "/dev/sdb"),
        VolumeStarted(Progress("gone"), "/dev/sdc"),
        VolumeEnded(failed),
    ):
        display.on_event(event)
    rows = drawn(terminal, lambda: display.tick(0.0))
    assert "db-02: failed: PutSnapshotBlock failed: 403/AccessDeniedException" in rows[0]
    assert rows[1].startswith("0 of 5 done  1 failed  1 waiting  ")
    assert [row.split()[0] for row in rows[2:7:2]] == ["web-01", "database-with-a-very-ve…", "gone"]


def test_a_narrow_terminal_still_has_two_rows_a_volume(terminal, progress):
    display = display_on(terminal, width=30)
    display.on_event(VolumeStarted(progress, "/disks/web.img"))
    rows = drawn(terminal, lambda: display.tick(0.0))
    assert len(rows) == 2
    assert all(len(row) <= 30 for row in rows)


def test_warnings_stand_above_the_display_and_stay(terminal, progress):
    display = display_on(terminal, width=200)
    display.on_event(VolumeStarted(progress, "/disks/web.img"))
    display.tick(0.0)
    display.on_event(Noted("web-01", "[bold]no markup[/bold] \x1b[2J", warning=True))
    rows = drawn(terminal, lambda: display.tick(0.25))
    assert rows[0] == "web-01: warning: [bold]no markup[/bold] \\x1b[2J"
    assert rows[1].startswith("web-01 uploading")


def test_at_the_end_the_display_is_wiped_and_the_cursor_visible(terminal, progress):
    display = display_on(terminal)
    display.on_event(VolumeStarted(progress, "/disks/web.img"))
    display.tick(0.0)
    assert "\x1b[?25l" not in terminal.getvalue()
    start = terminal.tell()
    display.close(1.0)
    wiped = terminal.getvalue()[start:]
    assert wiped == "\r\x1b[2A\x1b[J"
    display.tick(2.0)
    assert terminal.getvalue()[start:] == wiped


def test_a_display_that_knows_nothing_draws_nothing(terminal):
    display = display_on(terminal)
    display.tick(0.0)
    display.close(1.0)
    assert terminal.getvalue() == ""


@pytest.mark.parametrize(("no_color", "coloured"), [(None, True), ("1", False)])
def test_no_color_is_honoured(terminal, progress, monkeypatch, no_color, coloured):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", no_color)
    display = DisplayReporter(console_on(terminal), Verbosity.NORMAL, announce_ends=True)
    display.on_event(VolumeStarted(progress, "/disks/web.img"))
    display.on_event(Noted("web-01", "look", warning=True))
    display.tick(0.0)
    assert bool(re.search(r"\x1b\[(3[0-9]|38;)", terminal.getvalue())) is coloured


@pytest.mark.parametrize(
    ("kind", "verbosity", "term", "expected"),
    [
        ("terminal", Verbosity.NORMAL, "xterm", DisplayReporter),
        ("terminal", Verbosity.VERBOSE, "xterm", DisplayReporter),
        ("terminal", Verbosity.QUIET, "xterm", LinesReporter),
        ("terminal", Verbosity.NORMAL, "dumb", LinesReporter),
        ("stream", Verbosity.NORMAL, "xterm", LinesReporter),
    ],
)
def test_the_display_fits_the_stream(request, kind, verbosity, term, expected):
    stream = request.getfixturevalue(kind)
    reporter = open_reporter(stream, verbosity, volume_count=1, environment={"TERM": term})
    assert type(reporter) is expected


def test_rich_is_not_imported_without_a_terminal():
    program = (
        "import io, sys\n"
        "from bulkput.observe.open import open_reporter\n"
        "from bulkput.observe.verbosity import Verbosity\n"
        "open_reporter(io.StringIO(), Verbosity.NORMAL, volume_count=1, environment={})\n"
        "sys.exit('rich' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
