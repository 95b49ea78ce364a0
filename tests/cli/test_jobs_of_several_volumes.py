"""``run``, ``status``, ``jobs`` and ``verify`` of a job file, with the embedded server."""

import json
import os
import signal
import subprocess
import sys

import pytest
from support.job_files import mend
from support.served import BLOCK


def test_a_jobs_life_as_its_verbs_show_it(bulkput, job, tmp_path):
    ended = bulkput("status", job)
    assert (ended.status, "no run of" in ended.err) == (3, True)

    first = bulkput("run", job, "--quiet")
    assert first.status == 8
    ids = dict(line.split("\t") for line in first.out.splitlines())
    assert ids.keys() == {"a.img", "c.img"}

    found = bulkput("status", job, "--output=json").object
    assert (found["job"], found["status"], found["reported"]) == ("move", "failed", False)
    assert found["counts"] == {"completed": 2, "failed": 1}
    assert {each["volume"]: each["snapshot_id"] for each in found["volumes"]} == {
        **ids,
        "b.img": None,
    }
    listed = bulkput("jobs", "--state-dir", "state", "--output=json").object["job_files"]
    assert [each["job_id"] for each in listed] == [found["job_id"]]
    text = bulkput("jobs", "--state-dir", "state").out.splitlines()
    assert text[1].split()[:6] == ["move", found["job_id"], "failed", "2", "of", "3"]
    assert "does not exist" in bulkput("status", job).out

    ended = bulkput("verify", job)
    assert ended.status == 3
    assert ended.out.splitlines()[0].startswith(f"a.img\t{ids['a.img']}\tequal\tequal to ")
    assert "1 of 3 volumes: b.img" in ended.err

    mend(job)
    second = bulkput("run", job, "--rerun-failed", "--quiet")
    assert second.status == 0
    assert ids.items() <= dict(line.split("\t") for line in second.out.splitlines()).items()
    for name in (job, found["job_id"], "move"):
        done = bulkput("status", name, "--state-dir", "state")
        assert "3 completed of 3 volumes" in done.err
        assert "all is reported" in done.err
    assert "nothing is unfinished" in bulkput("jobs", "--state-dir", "state").err
    assert (
        bulkput("run", job, "--rerun-failed").err == "nothing to do: no volume is left to upload\n"
    )

    equal = bulkput("verify", job, "--only=[ab]*", "--output=json").object
    assert [each["status"] for each in equal["volumes"]] == ["equal", "equal"]
    (tmp_path / "a.img").write_bytes(b"x" * 2 * BLOCK)
    different = bulkput("verify", job, "--output=json").object
    assert (different["exit_code"], different["error"]) == (7, "1 of 3 volumes: a.img")
    (tmp_path / "a.img").unlink()
    by_manifest = bulkput("verify", job, "--output=json").object
    assert by_manifest["exit_code"] == 0
    assert by_manifest["volumes"][0]["compared_with"][0].endswith(".manifest")


@pytest.mark.parametrize(
    "args",
    [
        ("status", "no-such-job"),
        ("verify", "no-such-job.yaml"),
    ],
)
def test_what_is_no_job_is_refused(bulkput, args, tmp_path):
    ended = bulkput(*args, "--state-dir", tmp_path / "state")
    assert ended.status == 3
    assert "no-such-job" in ended.err


@pytest.mark.parametrize("flags", [("--source", "x"), ("--manifest", "x"), ("--config", "x")])
def test_what_goes_with_one_snapshot_does_not_go_with_a_job(bulkput, job, flags):
    assert bulkput("verify", job, *flags).status == 2


def test_what_goes_with_a_job_does_not_go_with_one_snapshot(bulkput):
    assert bulkput("verify", "snap-0123456789abcdef0", "--only=a").status == 2
    assert bulkput("plan", "disk.img", "--only=a").status == 2
    assert bulkput("check", "--only=a").status == 2


def test_an_order_a_stop_and_a_limit_of_time(bulkput, job, tmp_path):
    mend(job)
    (tmp_path / "b.img").unlink()
    stopped = bulkput("run", job, "--order=size-desc", "--on-error=stop", "--output=json").object
    statuses = {each["volume"]: each["status"] for each in stopped["volumes"]}
    assert statuses == {"a.img": "completed", "b.img": "failed", "c.img": "completed"}, "b is last"
    text = job.read_text().replace("{source: a.img}, {source: b.img}", "{source: b.img}")
    job.write_text(text + "\n")
    stopped = bulkput("run", job, "--on-error=stop", "--fresh", "--output=json")
    assert [each["status"] for each in stopped.object["volumes"]] == ["failed", "not-started"]
    assert stopped.object["volumes"][1]["error"] == (
        "not started, because b.img failed and on_error is stop. The same command resumes it"
    )
    assert stopped.status == 8


def test_a_job_whose_time_is_up_ends_with_5_and_is_gone_on_with(bulkput, job):
    mend(job)
    text = job.read_text()
    job.write_text(text + "tuning: {puts_per_s_account: 0.5, shutdown_grace: 100ms}\n")
    ended = bulkput("run", job, "--max-duration=1s", "--output=json")
    assert ended.status == 5, ended.err
    statuses = [each["status"] for each in ended.object["volumes"]]
    assert statuses[-1] == "not-started"
    assert "stopped" in statuses
    assert "volumes are not finished" in ended.err
    snapshots = {each["snapshot_id"] for each in ended.object["volumes"]} - {None}
    job.write_text(text)
    whole = bulkput("run", job, "--output=json")
    assert whole.status == 0
    assert snapshots <= {each["snapshot_id"] for each in whole.object["volumes"]}


def test_nothing_found_is_nothing_to_do(bulkput, tmp_path):
    job = tmp_path / "job.yaml"
    job.write_text(
        "version: 1\nendpoint: embedded\nstate_dir: s\n"
        "volumes_from: {glob: '*.img', allow_empty: true}\n"
    )
    ended = bulkput("run", job, "--result=r.json")
    assert (ended.status, ended.out) == (0, "")
    assert json.loads((tmp_path / "r.json").read_text())["volumes"] == []


LATE = """
import sys
import bulkput.jobs.upload.put_blocks as putting
from bulkput.cli.main import status_of

class Late:
    begun, names = False, []
    def find_spec(self, name, path=None, target=None):
        if self.begun:
            self.names.append(name)

late = Late()
sys.meta_path.insert(0, late)
put = putting.upload_blocks

async def begin(*args):
    late.begun = True
    await put(*args)

putting.upload_blocks = begin
status = status_of(sys.argv[1:])
assert late.begun
print(status, *late.names, file=sys.stderr)
"""


@pytest.mark.parametrize("more", [(), ("--output=json", "--result=r.json")])
def test_the_end_of_a_run_imports_nothing(job, more):
    """The package may be replaced while a run lasts for hours."""
    mend(job)
    job.write_text(job.read_text().replace("c.img}", "c.img, verify: full}"))
    ended = subprocess.run(
        [sys.executable, "-c", LATE, "run", job, "--quiet", *more],
        capture_output=True,
        text=True,
        cwd=job.parent,
        check=True,
        timeout=60,
    )
    assert ended.stderr.splitlines()[-1] == "0"


def test_a_signal_leaves_the_result_in_its_file(job):
    mend(job)
    job.write_text(
        job.read_text() + "tuning: {puts_per_s_account: 2, shutdown_grace: 100ms}\norder: size\n"
    )
    running = subprocess.Popen(
        [sys.executable, "-m", "bulkput", "run", job, "--result=r.json"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        cwd=job.parent,
    )
    try:
        for line in running.stderr:
            if line.startswith("a.img: uploading"):
                os.kill(running.pid, signal.SIGTERM)
                break
        running.stderr.read()
        assert running.wait(30) == 143
    finally:
        running.kill()
        running.stderr.close()
    result = json.loads((job.parent / "r.json").read_text())
    assert result["exit_code"] == 143
    statuses = {each["volume"]: each["status"] for each in result["volumes"]}
    assert statuses == {"b.img": "completed", "a.img": "stopped", "c.img": "not-started"}
    with_snapshot = {each["volume"] for each in result["volumes"] if each["snapshot_id"]}
    assert with_snapshot == {"a.img", "b.img"}


@pytest.mark.parametrize("how", ["glob", "command"])
def test_the_status_of_a_job_whose_disks_are_gone_is_shown(bulkput, service, tmp_path, how):
    disks = tmp_path / "disks"
    disks.mkdir()
    (disks / "web.img").write_bytes(os.urandom(4096))
    ran = tmp_path / "ran"
    script = f'touch {ran}; echo \'{{"source": "{disks}/web.img"}}\''
    brings = {"glob": f"{disks}/*.img"} if how == "glob" else {"command": ["sh", "-c", script]}
    job = tmp_path / "nightly.yaml"
    job.write_text(json.dumps({"version": 1, "volumes_from": brings}))
    assert bulkput("run", job, "--allow-command").status == 0
    (disks / "web.img").unlink()
    ran.unlink(missing_ok=True)
    for name in (job, "nightly.yaml", "nightly"):
        ended = bulkput("status", name)
        assert (ended.status, "web" in ended.out) == (0, True), ended.err
    assert not ran.exists(), "a program was run to ask about a job"
    ended = bulkput("status", job, "--output", "json")
    assert [each["volume"] for each in ended.object["volumes"]] == ["web.img"]
