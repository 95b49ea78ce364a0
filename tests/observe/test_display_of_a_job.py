"""The live display on a terminal that understands its control sequences, of any size."""

import io

import pyte
import pytest
from rich.console import Console

from bulkput.model.events import Noted, VolumeEnded, VolumeStarted
from bulkput.model.outcome import VolumeOutcome
from bulkput.model.progress import Phase, Progress
from bulkput.observe.canvas import Canvas
from bulkput.observe.display import DisplayReporter
from bulkput.observe.run_events import RunStarted
from bulkput.observe.verbosity import Verbosity

SIZES = [(40, 12), (60, 24), (80, 24), (200, 50)]


class Terminal(io.StringIO):
    """A terminal of so many columns and rows, and a display on it."""

    def __init__(self, columns, rows):
        super().__init__()
        self.screen = pyte.HistoryScreen(columns, rows, history=1000)
        self._stream = pyte.Stream(self.screen)
        self.console = Console(
            file=self, force_terminal=True, width=columns, height=rows, color_system="standard"
        )
        self.display = DisplayReporter(self.console, Verbosity.NORMAL, announce_ends=True)

    def write(self, text):
        self._stream.feed(text.replace("\n", "\r\n"))  # as the kernel's line discipline does it
        return len(text)

    def resize(self, columns, rows):
        self.screen.resize(rows, columns)
        self.console.size = (columns, rows)

    @property
    def lines(self):
        """What can be seen, and what has scrolled away, without the empty rest."""
        gone = [
            "".join(row[column].data for column in range(self.screen.columns)).rstrip()
            for row in self.screen.history.top
        ]
        return [*gone, *(line.rstrip() for line in self.screen.display)]

    @property
    def shown(self):
        return [line for line in self.lines if line]


def a_job(terminal, running, *, volume_count=None):
    display = terminal.display
    display.on_event(RunStarted(volume_count or running, "0.1.0", 1, "host"))
    volumes = [
        Progress(f"volume-{n:02}", phase=Phase.UPLOADING, blocks_total=1000, in_flight=64)
        for n in range(running)
    ]
    for each in volumes:
        display.on_event(VolumeStarted(each, "/disks/web.img"))
    display.tick(0.0)
    for each in volumes:
        each.blocks_put = 400
    display.tick(1.0)
    return volumes


def ended(name):
    return VolumeEnded(
        VolumeOutcome(
            volume=name,
            source="x",
            status="completed",
            snapshot_id="snap-0123456789abcdef0",
            blocks={"put": 1000},
            elapsed_s=3,
        )
    )


@pytest.mark.parametrize(("columns", "rows"), SIZES)
@pytest.mark.parametrize("running", [1, 3, 30])
def test_every_size_has_the_time_left_of_what_it_shows(columns, rows, running):
    terminal = Terminal(columns, rows)
    a_job(terminal, running)
    shown = terminal.shown
    assert len(shown) < rows
    assert all(len(line) <= columns for line in shown)
    if running > 1:
        assert shown[0].startswith(f"0 of {running} done")
        assert shown[0].endswith(" left")
    named = [line for line in shown if line.startswith("volume-")]
    more = [line for line in shown if "more are running" in line]
    assert len(named) + sum(int(line.split()[1]) for line in more) == running
    assert sum(line.endswith("1.5s left") for line in shown) >= len(named)


def test_at_60_columns_the_least_useful_figures_go_first():
    terminal = Terminal(60, 24)
    volumes = a_job(terminal, 3, volume_count=30)
    volumes[0].puts.throttled = 3
    terminal.display.tick(1.25)
    whole, _, first, _, second, *_ = terminal.shown
    assert "waiting" in whole
    assert whole.endswith(" left")
    assert "3 throttles" in first
    assert "retries" not in first
    assert "64 in flight" in second


def test_ended_volumes_scroll_up_as_a_line_each_and_stay():
    terminal = Terminal(80, 24)
    a_job(terminal, 3)
    terminal.display.on_event(ended("volume-00"))
    terminal.display.on_event(Noted("volume-01", "look", warning=True))
    terminal.display.tick(2.0)
    terminal.display.on_event(ended("volume-01"))
    terminal.display.tick(3.0)
    kept = [
        "volume-00: completed: snap-0123456789abcdef0, 1,000 blocks put in 3.0s",
        "volume-01: warning: look",
        "volume-01: completed: snap-0123456789abcdef0, 1,000 blocks put in 3.0s",
    ]
    assert terminal.shown[:4] == [*kept, terminal.shown[3]]
    assert terminal.shown[3].startswith("2 of 3 done")
    terminal.display.close(4.0)
    assert terminal.shown == kept


def test_many_ended_volumes_are_all_in_the_history():
    terminal = Terminal(80, 10)
    display = terminal.display
    display.on_event(RunStarted(50, "0.1.0", 1, "host"))
    for number in range(50):
        name = f"volume-{number:02}"
        display.on_event(VolumeStarted(Progress(name, phase=Phase.UPLOADING), "x"))
        display.tick(number)
        display.on_event(ended(name))
        display.tick(number + 0.5)
    display.close(50.0)
    assert [line.split(":")[0] for line in terminal.shown] == [f"volume-{n:02}" for n in range(50)]


@pytest.mark.parametrize("to", [*SIZES, (80, 12), (120, 8)])
@pytest.mark.parametrize("running", [1, 3, 30])
def test_a_terminal_that_is_resized_shows_each_volume_once(to, running):
    terminal = Terminal(80, 24)
    a_job(terminal, running)
    terminal.resize(*to)
    terminal.display.tick(1.25)
    visible = [line.rstrip() for line in terminal.screen.display]
    named = [line.split()[0] for line in visible if line.startswith("volume-")]
    if to[0] >= 80:  # a narrower one breaks rows that stand, as pyte does not
        more = sum(int(line.split()[1]) for line in visible if "more are running" in line)
        assert len(named) + more == running
        assert sum(f" of {running} done" in line for line in visible) == (running > 1)
        assert len(named) == len(set(named))
    assert named
    terminal.display.close(2.0)


@pytest.mark.parametrize(("columns", "rows"), SIZES)
@pytest.mark.parametrize("running", [1, 3, 30])
def test_nothing_is_left_of_a_display_that_ends(columns, rows, running):
    terminal = Terminal(columns, rows)
    a_job(terminal, running)
    terminal.display.close(2.0)
    assert terminal.shown == []


def test_rows_that_a_narrower_terminal_has_broken_are_erased_whole():
    stream = io.StringIO()
    canvas = Canvas(stream)
    canvas.paint([], ["x" * 80, "y" * 30], [80, 30], 80)
    start = stream.tell()
    canvas.paint([], ["z"], [1], 40)
    assert stream.getvalue()[start:] == "\r\x1b[3A\x1b[Jz\n"


def test_names_of_wide_letters_keep_the_columns():
    terminal = Terminal(80, 24)
    display = terminal.display
    display.on_event(RunStarted(1, "0.1.0", 1, "host"))
    display.on_event(VolumeStarted(Progress("データベース" * 5, phase=Phase.UPLOADING), "x"))
    display.tick(0.0)
    assert len(terminal.shown) == 2
    assert "uploading" in terminal.shown[0]
