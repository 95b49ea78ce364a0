"""Log records on their way to the display, and the timer that draws it."""

import logging
import threading
from contextlib import ExitStack, suppress

import pytest

from bulkput.cli.logs import logging_to
from bulkput.cli.ticker import Ticker
from bulkput.observe.verbosity import Verbosity

CANARY = "CANARY/secret+key0123456789"


@pytest.fixture
def records():
    """Log at a verbosity until the end, and return the lines logged."""
    with ExitStack() as stack:

        def at(verbosity):
            lines = []
            keys = {"AWS_SECRET_ACCESS_KEY": CANARY}
            stack.enter_context(logging_to(lines.append, verbosity, keys))
            return lines

        yield at


def log_everything():
    for name in ("bulkput.jobs", "botocore.auth", "aiohttp.client", "elsewhere"):
        for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
            logging.getLogger(name).log(level, "signed with %s\nnext", CANARY)


@pytest.mark.parametrize(
    ("verbosity", "levels"),
    [
        (Verbosity.QUIET, {"error"}),
        (Verbosity.NORMAL, {"warning", "error"}),
        (Verbosity.VERBOSE, {"info", "warning", "error"}),
    ],
)
def test_how_much_bulkput_itself_logs(records, verbosity, levels):
    lines = records(verbosity)
    log_everything()
    own = {line.text.split(": ")[1] for line in lines if line.text.startswith("bulkput.jobs: ")}
    assert own == levels


def test_others_are_heard_from_warning_on_and_never_below_info(records):
    logging.getLogger("botocore").setLevel(logging.DEBUG)
    lines = records(Verbosity.VERBOSE)
    log_everything()
    assert not [line for line in lines if ": debug: " in line.text]
    assert not logging.getLogger("botocore.auth").isEnabledFor(logging.DEBUG)
    assert not logging.getLogger("aiohttp.client").isEnabledFor(logging.DEBUG)


def test_records_are_one_line_without_secrets(records):
    lines = records(Verbosity.VERBOSE)
    log_everything()
    assert lines
    assert not [line for line in lines if CANARY in line.text or "\n" in line.text]
    assert {line.level for line in lines if "info" in line.text} == {logging.INFO}


@pytest.mark.parametrize("verbosity", list(Verbosity))
def test_afterwards_as_much_is_logged_as_before(verbosity):
    def how_much():
        loggers = [logging.getLogger(name) for name in ("", "bulkput")]
        state = [(each.level, list(each.handlers)) for each in loggers]
        return state, logging.raiseExceptions

    before = how_much()
    with suppress(KeyError), logging_to([].append, verbosity, {}):
        assert how_much() != before
        raise KeyError
    assert how_much() == before


def test_a_record_that_cannot_be_formatted_raises_nothing(records, capfd):
    records(Verbosity.NORMAL)
    logging.getLogger("bulkput").warning("%d", "x")
    assert capfd.readouterr().err == ""


class CountingReporter:
    """Counts ticks; the thread that closes says so."""

    def __init__(self, held=None):
        self.ticked = threading.Event()
        self.closed_by = None
        self._held = held

    def tick(self, _now_s):
        self.ticked.set()
        if self._held is not None:
            self._held.wait()

    def close(self, _now_s):
        self.closed_by = threading.current_thread().name


def test_the_timer_ticks_and_closes_in_its_own_thread():
    reporter = CountingReporter()
    with Ticker(reporter):
        assert reporter.ticked.wait(10)
    assert reporter.closed_by == "bulkput-sink"


def test_a_terminal_that_is_held_does_not_hold_the_program(monkeypatch):
    monkeypatch.setattr("bulkput.cli.ticker._STOP_S", 0.05)
    released = threading.Event()
    reporter = CountingReporter(held=released)
    with Ticker(reporter):
        assert reporter.ticked.wait(10)
    assert reporter.closed_by is None
    released.set()
