"""What a run keeps of itself while it lasts, and what ``bulkput jobs`` makes of it."""

import json
import os

import pytest

from bulkput.jobs.state.running import OwnRunFile, read_running, running_jobs
from bulkput.ledger.lock import FolderLock, holder_of, runs_of
from bulkput.model.events import VolumeStarted
from bulkput.model.host import host_name
from bulkput.model.progress import Phase, Progress
from bulkput.observe.run_file import RunFile

SNAPSHOT = "snap-0123456789abcdef0"
FIGURES = {"snapshot_id": "s", "phase": "p", "puts_per_s": float("nan"), "mib_per_s": 1}
NOT_FINITE = json.dumps(
    {"process_id": 1, "events": None, "volumes": {"a": FIGURES | {"left_s": 1}}}
)


@pytest.fixture
def state(tmp_path):
    path = tmp_path / "state"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def sink(state):
    file = OwnRunFile(state)
    head = {"process_id": os.getpid(), "verb": "run", "events": "/logs/events.jsonl"}
    return RunFile(head, file.write, file.remove)


def test_a_run_keeps_its_figures_until_it_ends(sink, state):
    progress = Progress("web", phase=Phase.UPLOADING, snapshot_id=SNAPSHOT, blocks_total=1000)
    sink.on_event(VolumeStarted(progress, "/disks/web.img"))
    for second in range(4):
        progress.blocks_put = 100 * second
        sink.tick(float(second))
        if second == 1:
            assert read_running(state) == {}, "a run that is over soon leaves no trace"
    (found,) = read_running(state).items()
    assert found[0] == (os.getpid(), SNAPSHOT)
    assert found[1].as_dict() == {
        "phase": "uploading",
        "puts_per_s": 100.0,
        "mib_per_s": 50.0,
        "left_s": 8.0,
        "events": "/logs/events.jsonl",
    }
    sink.close(4.0)
    assert list((state / "runs").iterdir()) == []


def run_of_a_job(state, job_id="0123456789ab"):
    file = OwnRunFile(state)
    head = {"process_id": os.getpid(), "verb": "run", "job_id": job_id, "events": None}
    return RunFile(head, file.write, file.remove)


def test_a_job_is_known_to_run_from_its_start_and_between_two_volumes(state):
    sink = run_of_a_job(state)
    state.rmdir()
    sink.tick(0.0)
    assert not state.exists(), "it is the job's to make"
    state.mkdir(mode=0o700)
    sink.tick(0.1)
    assert running_jobs(state) == {"0123456789ab"}
    sink.close(1.0)
    assert running_jobs(state) == set()


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("{host}-{own}", {}, {"0123456789ab"}),
        ("{host}-4194305", {}, set()),
        ("another-host-{own}", {}, set()),
        ("{host}-{own}", {"updated_unix_s": 1.0}, set()),
        ("{host}-{own}", {"updated_unix_s": "now"}, set()),
        ("{host}-{own}", {"job_id": None}, set()),
    ],
    ids=["runs", "was killed", "of another host", "number taken again", "damaged", "an upload"],
)
def test_a_job_runs_only_where_its_process_lives(state, name, changes, expected):
    run_of_a_job(state).tick(0.0)
    (own,) = (state / "runs").iterdir()
    content = json.loads(own.read_text()) | changes
    path = own.rename(own.with_name(name.format(host=host_name(), own=os.getpid()) + ".json"))
    path.write_text(json.dumps(content))
    assert running_jobs(state) == expected


def test_what_killed_processes_left_is_removed_by_the_next(sink, state):
    progress = Progress("web", phase=Phase.UPLOADING, snapshot_id=SNAPSHOT)
    sink.on_event(VolumeStarted(progress, "x"))
    sink.tick(0.0)
    sink.tick(2.0)
    (own,) = (state / "runs").iterdir()
    dead = own.with_name(f"{host_name()}-4194305.json")
    elsewhere = own.with_name("another-host-4194305.json")
    for path in (dead, elsewhere):
        path.write_text(own.read_text())
        path.chmod(0o600)
    sink.close(3.0)
    assert list((state / "runs").iterdir()) == [elsewhere]


@pytest.mark.parametrize(
    "content",
    [
        *("", "{", "[]", "null", '{"volumes": 7}', '{"process_id": 1, "volumes": {"a": 7}}'),
        json.dumps({"process_id": "x", "events": None, "volumes": {"a": {"left_s": None}}}),
        NOT_FINITE,
    ],
)
def test_files_that_are_damaged_are_passed_over(state, content):
    folder = state / "runs"
    folder.mkdir(mode=0o700)
    path = folder / "host-1.json"
    path.write_text(content)
    path.chmod(0o600)
    assert read_running(state) == {}


def test_a_state_folder_that_is_not_there_yet_is_not_made(tmp_path):
    file = OwnRunFile(tmp_path / "missing")
    file.write(b"{}")
    file.remove()
    assert list(tmp_path.iterdir()) == []


def test_runs_are_counted_and_the_holder_is_still_known(tmp_path):
    assert runs_of(tmp_path) == 0
    for expected in (1, 2, 3):
        with FolderLock(tmp_path) as lock:
            lock.count_run()
            assert holder_of(tmp_path).process_id == os.getpid()
        assert runs_of(tmp_path) == expected
    with FolderLock(tmp_path) as lock:
        assert runs_of(tmp_path) == 3, "a look is no run"
        lock.count_run(anew=True)
    assert runs_of(tmp_path) == 1


def test_a_lock_of_an_earlier_program_has_one_line(tmp_path):
    (tmp_path / "lock").write_bytes(b"4711\n")
    (tmp_path / "lock").chmod(0o600)
    assert runs_of(tmp_path) == 0
    with FolderLock(tmp_path) as lock:
        lock.count_run()
    assert runs_of(tmp_path) == 1
