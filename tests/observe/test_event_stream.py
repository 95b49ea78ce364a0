"""What a program reads of a run, and what happens if it does not read."""

import os
import stat
import threading

import pytest
from support.events import events_in

from bulkput.model.events import (
    GetRetried,
    Noted,
    PhaseChanged,
    PutRetried,
    VolumeEnded,
    VolumeStarted,
)
from bulkput.model.progress import Phase, Progress, RateLimiter
from bulkput.observe import recorder
from bulkput.observe.event_stream import EventStream
from bulkput.observe.line_file import LineFile
from bulkput.observe.run_events import Logged, OutcomeKnown, RunEnded, RunFailed, RunStarted

CANARY = "canary/secret/0123456789"
STARTED = RunStarted(1, "0.1.0", 4711, "host")


@pytest.fixture
def stream_to():
    def open_stream(place, *, interval_s=1.0):
        environ = {"AWS_SECRET_ACCESS_KEY": CANARY}
        return EventStream(LineFile(place), verb="run", interval_s=interval_s, environ=environ)

    return open_stream


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.jsonl"


@pytest.fixture
def stream(stream_to, path):
    return stream_to(path)


def written(path):
    return events_in(path.read_text(encoding="ascii"))


def test_every_event_is_a_line_as_the_schema_has_it(stream, path, progress, done):
    for event in (
        STARTED,
        VolumeStarted(progress, "/disks/web.img"),
        PhaseChanged("web-01", Phase.UPLOADING),
        PutRetried("web-01", 7, "timeout", 0.5, "no answer"),
        GetRetried("web-01", 8, "timeout", 0.5, "no answer"),
        Noted("web-01", "something", warning=True),
        Noted("", "of the job"),
        Logged("asyncio: warning: slow", 30),
        VolumeEnded(done),
        OutcomeKnown("web-01", {"exit_code": 0, "error": None}),
        RunFailed("it broke", 10, None, ("Traceback",)),
        RunEnded(10, 3.0),
    ):
        stream.on_event(event)
    stream.close(1.0)
    events = written(path)
    assert [event["event"] for event in events] == [
        *("started", "volume_started", "phase", "retry", "retry", "note", "note", "note"),
        *("progress", "volume_ended", "volume_ended", "error", "job_ended"),
    ]
    assert {event["verb"] for event in events} == {"run"}
    assert events[9]["outcome"] == done.as_dict()
    assert "Traceback" not in path.read_text()


def test_progress_has_rates_and_percentiles_of_its_interval(stream, path, progress):
    stream.on_event(STARTED)
    stream.on_event(VolumeStarted(progress, "/disks/web.img"))
    stream.tick(0.0)
    for latency_s, now_s in ((0.1, 1.0), (0.4, 2.0)):
        for _ in range(50):
            progress.puts.latencies.record(latency_s)
        progress.blocks_put += 50
        progress.failures["timeout"] = 2
        progress.allowed_per_s, progress.limited_by = 995.0, RateLimiter.ACCOUNT_QUOTA
        stream.tick(now_s)
    stream.close(2.0)
    first, second = (event for event in written(path) if event["event"] == "progress")
    assert first["puts"]["per_s"] == second["puts"]["per_s"] == 50
    assert first["puts"]["latency_ms"]["p99"] == pytest.approx(100, rel=0.07)
    assert second["puts"]["latency_ms"]["p50"] == pytest.approx(400, rel=0.07)
    assert second["blocks"]["put"] == 100
    assert second["bytes"]["put"] == 100 * 524_288
    assert (second["allowed_per_s"], second["limited_by"]) == (995.0, "account_quota")
    assert second["failures"] == {"timeout": 2}
    assert second["left_s"] > 0


def test_several_volumes_have_a_whole(stream, path, done):
    stream.on_event(RunStarted(3, "0.1.0", 1, "host"))
    one, two = Progress("web-01", blocks_total=100), Progress("web-02", blocks_total=300)
    for progress in (one, two):
        stream.on_event(VolumeStarted(progress, "x"))
    stream.tick(0.0)
    one.blocks_put, two.blocks_put = 100, 50
    one.puts.latencies.record(0.1)
    stream.on_event(VolumeEnded(done))
    stream.tick(1.0)
    stream.close(1.0)
    whole = [event for event in written(path) if event["event"] == "job_progress"][-1]
    assert whole["volumes"] == {
        "total": 3,
        "completed": 1,
        "failed": 0,
        "running": 1,
        "waiting": 1,
    }
    assert whole["blocks"]["put"] == 150
    assert whole["fraction"] == pytest.approx(150 / 600)
    assert whole["puts"]["per_s"] == 1


def test_no_secret_gets_into_a_line(stream, path):
    stream.on_event(Noted("web-01", f'a "{CANARY}" and https://host/x?X-Amz-Signature=abcdefgh1'))
    stream.close(0.0)
    assert CANARY not in path.read_text()
    assert "abcdefgh1" not in path.read_text()
    assert "****" in written(path)[0]["text"]


def test_a_file_is_private_and_what_was_in_it_stays(stream_to, path):
    for _ in range(2):
        stream = stream_to(path)
        stream.on_event(STARTED)
        stream.close(0.0)
    assert len(written(path)) == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_open_descriptor_can_be_named(stream_to, path):
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    stream = stream_to(f"fd:{descriptor}")
    stream.on_event(STARTED)
    stream.close(0.0)
    os.close(descriptor)
    assert written(path)[0]["event"] == "started"


@pytest.mark.parametrize(
    ("place", "error"), [("fd:99999", "Bad file descriptor"), ("missing/events", "No such file")]
)
def test_what_cannot_be_written_is_noticed_at_once(stream_to, tmp_path, place, error):
    with pytest.raises(OSError, match=error):
        stream_to(place if place.startswith("fd:") else tmp_path / place)


def test_a_pipe_that_nobody_reads_is_refused_and_not_waited_for(stream_to, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="No such device"):
        stream_to(tmp_path / "pipe")


def test_a_reader_that_stops_loses_progress_and_retries_but_no_end(
    stream_to, progress, done, monkeypatch
):
    monkeypatch.setattr(recorder, "WAITING_MAX", 50)
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    stream = stream_to(f"fd:{write_end}")
    stream.on_event(STARTED)
    stream.on_event(VolumeStarted(progress, "/disks/web.img"))
    stream.tick(0.0)
    retry = PutRetried("web-01", 7, "timeout", 0.5, "x" * 1500)
    for _ in range(50):  # more than a pipe holds
        stream.on_event(retry)
    held = threading.Thread(target=stream.tick, args=(0.5,))
    held.start()
    for _ in range(1000):
        stream.on_event(retry)
    stream.on_event(VolumeEnded(done))
    assert held.is_alive()
    read = bytearray()
    reader = threading.Thread(target=lambda: read.extend(_read_all(read_end)))
    reader.start()
    held.join(30)
    stream.tick(20.5)
    stream.on_event(RunEnded(0, 20.5))
    stream.close(21.0)
    os.close(write_end)
    reader.join(30)
    events = events_in(read.decode())
    names = [event["event"] for event in events]
    assert names[-1] == "job_ended"
    assert names.count("volume_ended") == 1
    retries = names.count("retry")
    assert retries < 1050
    assert events[-1]["dropped"] == 1050 - retries


def _read_all(descriptor):
    content = bytearray()
    while chunk := os.read(descriptor, 1 << 16):
        content += chunk
    os.close(descriptor)
    return content


def test_missed_intervals_are_counted(stream, path, progress):
    stream.on_event(STARTED)
    stream.on_event(VolumeStarted(progress, "/disks/web.img"))
    stream.tick(0.0)
    stream.tick(10.0)
    stream.close(10.0)
    (progress_event,) = (event for event in written(path) if event["event"] == "progress")
    assert progress_event["dropped"] == 9


def test_a_reader_that_has_gone_ends_the_stream_with_a_warning(stream_to, caplog):
    read_end, write_end = os.pipe()
    os.close(read_end)
    stream = stream_to(f"fd:{write_end}")
    os.close(write_end)
    stream.on_event(STARTED)
    stream.tick(0.0)
    stream.on_event(STARTED)
    stream.close(1.0)
    assert "no more events are written" in caplog.text


@pytest.mark.parametrize(
    ("before", "after"), [(b"", b"x\n"), (b"a\n", b"a\nx\n"), (b"a\nb", b"a\nb\nx\n")]
)
def test_what_is_appended_to_a_torn_line_begins_its_own(tmp_path, before, after):
    path = tmp_path / "events.jsonl"
    path.write_bytes(before)
    file = LineFile(path)
    file.write("x\n")
    file.close()
    assert path.read_bytes() == after
