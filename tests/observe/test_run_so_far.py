"""How far a run is, read back from what the stream of events wrote."""

import json

import pytest

from bulkput.observe.run_so_far import OtherVersionError, last_run


def line(event, volume=None, **facts):
    head = {"v": 1, "ts": "2026-11-28T23:07:08.433Z", "event": event, "verb": "run"}
    return json.dumps(head | {"volume": volume} | facts).encode() + b"\n"


def started(count=3, job="nightly"):
    facts = {"volume_count": count, "process_id": 7, "host": "far", "job": job, "job_id": "0a1b"}
    return line("started", **facts)


def progress(volume, fraction, snapshot_id="snap-01"):
    return line("progress", volume, fraction=fraction, snapshot_id=snapshot_id)


def ended(volume, exit_code=0, **facts):
    status = "failed" if exit_code else "completed"
    outcome = {"status": status, "exit_code": exit_code, "error": None, "source": f"/d/{volume}"}
    return line("volume_ended", volume, outcome=outcome | facts)


HALF = [
    *(started(), line("volume_started", "a", source="/d/a"), ended("a", snapshot_id="snap-0a")),
    *(line("volume_started", "b", source="/d/b"), progress("b", 0.25)),
]


def statuses(run):
    return {volume.volume: (volume.status, volume.done_fraction) for volume in run.volumes}


def test_a_run_under_way_has_volumes_that_are_done_that_run_and_that_wait():
    run, foreign = last_run(HALF, None)
    assert (run.status, run.exit_code, foreign) == ("running", None, 0)
    assert statuses(run) == {"a": ("completed", 1.0), "b": ("running", 0.25)}
    assert run.counts == {"completed": 1, "running": 1, "waiting": 1}
    assert [volume.snapshot_id for volume in run.volumes] == ["snap-0a", "snap-01"]
    assert (run.host, run.process_id, run.job) == ("far", 7, "nightly")


@pytest.mark.parametrize(("code", "status"), [(143, "interrupted"), (8, "failed"), (5, "failed")])
def test_what_an_ended_run_left_unfinished_is_interrupted(code, status):
    end = [line("error", error="stopped", exit_code=code), line("job_ended", exit_code=code)]
    run, _ = last_run([*HALF, *end], None)
    assert (run.status, run.exit_code, run.error) == (status, code, "stopped")
    assert statuses(run)["b"] == ("interrupted", 0.25)


def test_a_failed_volume_has_its_error_and_keeps_how_far_it_came():
    failed = ended("b", 6, error="cannot be read", snapshot_id=None)
    run, _ = last_run([*HALF, failed, line("job_ended", exit_code=8)], None)
    (b,) = (volume for volume in run.volumes if volume.volume == "b")
    assert (b.status, b.error, b.done_fraction) == ("failed", "cannot be read", 0.25)
    assert b.snapshot_id == "snap-01"


def test_the_last_run_of_a_file_counts_or_the_last_one_of_the_job():
    lines = [*HALF, line("job_ended", exit_code=8), started(1, "other"), ended("z")]
    run, _ = last_run(lines, None)
    assert (run.job, list(run.by_name)) == ("other", ["z"])
    for name in ("nightly", "0a1b"):
        run, _ = last_run(lines[:-2], frozenset({name}))
        assert list(run.by_name) == ["a", "b"]
    run, _ = last_run(lines, frozenset({"nightly"}))
    assert list(run.by_name) == ["a", "b"]
    assert last_run(lines, frozenset({"none"}))[0] is None


def test_runs_that_write_into_one_file_at_a_time_are_known_by_their_keys():
    def of(run, content):
        return json.dumps(json.loads(content) | {"run": run}).encode() + b"\n"

    lines = [of("1", each) for each in HALF]
    lines[2:2] = [of("2", started(1, "other")), of("2", progress("z", 0.5))]
    run, _ = last_run(lines, frozenset({"nightly"}))
    assert statuses(run) == {"a": ("completed", 1.0), "b": ("running", 0.25)}
    run, _ = last_run(lines, frozenset({"other"}))
    assert statuses(run) == {"z": ("running", 0.5)}


def test_a_line_that_is_being_written_does_not_count_and_other_lines_are_counted():
    run, foreign = last_run([*HALF[:4], b"noise\n", b'["v"]\n', HALF[4][:40]], None)
    assert foreign == 2
    assert statuses(run)["b"] == ("running", 0.0)


def test_another_version_is_not_guessed_at():
    with pytest.raises(OtherVersionError):
        last_run([started().replace(b'"v": 1', b'"v": 2')], None)
