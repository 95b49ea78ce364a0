"""What whoever started the program reads of a run, by the real program."""

import json
import os

import pytest
from support.events import events_in
from support.whole import BLOCK


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "disk.img"
    path.write_bytes(os.urandom(9 * BLOCK + 1000))
    return path


def test_stderr_can_be_all_events(program, source):
    done = program.run("upload", source, "--verify", "--events", "-")
    events = events_in(done.stderr)
    assert [events[0]["event"], events[-1]["event"]] == ["started", "job_ended"]
    assert events[-1]["exit_code"] == done.returncode == 0
    (ended,) = (event for event in events if event["event"] == "volume_ended")
    assert ended["outcome"] == json.loads(done.stdout)
    last = [event for event in events if event["event"] == "progress"][-1]
    assert last["blocks"]["put"] == last["blocks"]["verified"] == 10
    assert last["puts"]["attempts"] == 10
    phases = [event["phase"] for event in events if event["event"] == "phase"]
    assert phases == ["starting", "uploading", "sealing", "waiting", "verifying"]


def test_verbs_that_read_have_events_too(program, source, tmp_path):
    snapshot_id = program.upload(source)["snapshot_id"]
    for arguments in (
        ("verify", snapshot_id, "--source", source),
        ("download", snapshot_id, tmp_path / "copy"),
        ("diff", snapshot_id, snapshot_id),
    ):
        done = program.run(*arguments, "--events", tmp_path / f"{arguments[0]}.jsonl")
        assert done.returncode == 0, done.stderr
        events = events_in((tmp_path / f"{arguments[0]}.jsonl").read_text())
        assert {event["verb"] for event in events} == {arguments[0]}
        (ended,) = (event for event in events if event["event"] == "volume_ended")
        assert ended["outcome"].items() <= json.loads(done.stdout).items()
        assert events[-1]["exit_code"] == 0


def test_verbs_that_look_have_events_too(program, source, tmp_path):
    for verb, arguments in {"plan": (source,), "check": (), "gc": ()}.items():
        path = tmp_path / f"{verb}.jsonl"
        done = program.run(verb, *arguments, "--events", path)
        assert done.returncode == 0, done.stderr
        events = events_in(path.read_text())
        assert [events[0]["event"], events[-1]["event"]] == ["started", "job_ended"]
        assert {event["verb"] for event in events} == {verb}
        known = {event["event"]: event for event in events}
        if verb == "plan":
            assert known["progress"]["blocks"]["read"] == known["progress"]["blocks"]["total"] == 10
            assert known["volume_ended"]["outcome"]["status"] == "planned"
        else:
            assert known["result"]["result"].items() <= json.loads(done.stdout).items()


def test_an_error_is_an_event_with_its_exit_code(program, tmp_path):
    done = program.run("verify", "snap-00000000000000000", "--events", tmp_path / "events")
    *_, error, ended = events_in((tmp_path / "events").read_text())
    assert (error["event"], ended["event"]) == ("error", "job_ended")
    assert error["exit_code"] == ended["exit_code"] == done.returncode != 0
    assert error["error"] == json.loads(done.stdout)["error"]


def test_a_reader_that_stopped_reading_does_not_stop_an_upload(program, source, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    descriptor = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    try:
        while True:
            os.write(descriptor, bytes(4096))
    except BlockingIOError:
        done = program.run("upload", source, "--events", pipe)
    finally:
        os.close(descriptor)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("flag", ["--events", "--log-file"])
def test_what_cannot_be_written_is_a_mistake_of_the_configuration(program, source, flag):
    done = program.run("upload", source, flag, "/nowhere/at/all")
    assert done.returncode == 3
    assert "/nowhere/at/all cannot be written: No such file" in done.stderr
