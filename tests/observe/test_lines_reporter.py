"""What a log shows: no terminal, or --quiet."""

import logging

import pytest

from bulkput.model.events import Noted, PhaseChanged, PutRetried, VolumeEnded, VolumeStarted
from bulkput.model.progress import Phase, Progress
from bulkput.observe.lines import LinesReporter
from bulkput.observe.run_events import Logged
from bulkput.observe.verbosity import Verbosity

RETRY = PutRetried("web-01", 7, "TRANSIENT", 0.5, "connection reset")


def reporter_on(stream, verbosity=Verbosity.NORMAL, *, announce_ends=True):
    return LinesReporter(stream, verbosity, announce_ends=announce_ends)


def test_a_line_every_five_seconds_for_each_active_volume(stream, progress):
    reporter = reporter_on(stream)
    reporter.on_event(VolumeStarted(progress, "/disks/web.img"))
    for quarter in range(49):
        progress.blocks_put = 10 * quarter
        reporter.tick(quarter / 4)
    steady = "40 puts/s, 20.0 MiB/s, 64 in flight, 0 retries, 0 throttles"
    assert stream.getvalue().splitlines() == [
        f"web-01: uploading 20.0%, {steady}, 20.0s left",
        f"web-01: uploading 40.0%, {steady}, 15.0s left",
    ]


def test_a_forecast_shows_how_far_it_has_read(stream):
    progress = Progress("web-01", phase=Phase.READING, blocks_total=1000)
    reporter = reporter_on(stream)
    reporter.on_event(VolumeStarted(progress, "/disks/web.img"))
    for second in range(6):
        progress.blocks_read = 100 * second
        reporter.tick(float(second))
    assert stream.getvalue() == "web-01: reading 50.0%, 50.0 MiB/s, 5.0s left\n"


def test_a_phase_change_is_reported_at_once_and_after_its_cause(stream, progress):
    reporter = reporter_on(stream)
    reporter.on_event(VolumeStarted(progress, "/disks/web.img"))
    reporter.on_event(Noted("web-01", "the account throttles", warning=True))
    reporter.on_event(PhaseChanged("web-01", Phase.SEALING, "checksum abc="))
    reporter.tick(0.0)
    assert stream.getvalue().splitlines() == [
        "web-01: warning: the account throttles",
        "web-01: sealing: checksum abc=",
    ]


def test_waiting_reports_for_how_long(stream, progress):
    reporter = reporter_on(stream)
    progress.phase = Phase.WAITING
    reporter.on_event(VolumeStarted(progress, "/disks/web.img"))
    reporter.tick(0.0)
    reporter.tick(5.0)
    assert stream.getvalue() == "web-01: waiting for 5.0s\n"


@pytest.mark.parametrize(
    ("verbosity", "is_reported"), [("quiet", False), ("normal", False), ("verbose", True)]
)
def test_a_retry_is_reported_only_when_verbose(stream, verbosity, is_reported):
    reporter = reporter_on(stream, Verbosity(verbosity))
    reporter.on_event(RETRY)
    reporter.close(0.0)
    line = "web-01: block 7 is put again in 0.50s (TRANSIENT): connection reset\n"
    assert stream.getvalue() == (line if is_reported else "")


def test_quiet_reports_failures_and_nothing_else(stream, progress, done, failed):
    reporter = reporter_on(stream, Verbosity.QUIET)
    for event in (
        VolumeStarted(progress, "/disks/web.img"),
        PhaseChanged("web-01", Phase.SEALING),
        Noted("web-01", "look", warning=True),
        RETRY,
        VolumeEnded(done),
        VolumeEnded(failed),
    ):
        reporter.on_event(event)
    for second in range(20):
        reporter.tick(float(second))
    assert stream.getvalue() == (
        "db-02: failed: PutSnapshotBlock failed: 403/AccessDeniedException\n"
    )


def test_a_job_of_one_volume_does_not_report_its_failure_twice(stream, failed):
    reporter = reporter_on(stream, announce_ends=False)
    reporter.on_event(VolumeEnded(failed))
    reporter.close(0.0)
    assert stream.getvalue() == ""


def test_names_and_messages_of_others_cannot_steer_a_terminal(stream):
    reporter = reporter_on(stream)
    reporter.on_event(Noted("web\x1b[2J", "evil\r\x9b31m\nsecond line \u202e"))
    reporter.close(0.0)
    assert stream.getvalue() == "web\\x1b[2J: evil\\r\\x9b31m second line \\u202e\n"


def test_nothing_is_written_before_a_tick_so_that_the_loop_never_waits(stream):
    reporter = reporter_on(stream)
    reporter.on_event(Noted("web-01", "look"))
    reporter.on_event(Logged("a log record", logging.WARNING))
    assert stream.getvalue() == ""
    reporter.tick(0.0)
    assert stream.getvalue() == "web-01: look\na log record\n"


def test_a_flood_of_events_is_bounded_and_keeps_the_newest(stream):
    reporter = reporter_on(stream, Verbosity.VERBOSE)
    for number in range(50_000):
        reporter.on_event(Noted("", f"number {number}"))
    reporter.tick(0.0)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 10_000
    assert lines[-1] == "number 49999"


def test_a_stream_that_fails_silences_the_display_and_raises_nothing(progress, stream):
    reporter = reporter_on(stream)
    stream.close()
    reporter.on_event(VolumeStarted(progress, "/disks/web.img"))
    reporter.on_event(Noted("web-01", "look"))
    reporter.tick(0.0)
    reporter.on_event(Noted("web-01", "look"))
    reporter.tick(10.0)
    reporter.close(20.0)
