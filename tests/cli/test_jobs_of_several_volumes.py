"""``run``, ``status``, ``jobs`` and ``verify`` of a job file, with the embedded server."""

import json
import os
import signal
import subprocess
import sys

import pytest
from support.served import BLOCK


@pytest.fixture
def job(tmp_path):
    """A job of three volumes for the embedded server, of which b.img is not there yet."""
    for number, name in enumerate(("a.img", "c.img")):
        (tmp_path / name).write_bytes(bytes([number + 1]) * 2 * BLOCK)
    path = tmp_path / "job.yaml"
    path.write_text(
        "version: 1\nname: move\nendpoint: embedded\nstate_dir: state\n"
        "volumes: [{source: a.img}, {source: b.img}, {source: c.img}]\n"
    )
    return path


def test_parts_of_a_job_make_all_of_it_once(bulkput, job, monkeypatch):
    mend(job)
    ids = {}
    for number in range(2):
        monkeypatch.setenv("JOB_COMPLETION_INDEX", str(number))
        ended = bulkput("run", job, "--shard=auto/2", "--rerun-failed", "--output=json")
        assert ended.status == 0
        ids |= {each["volume"]: each["snapshot_id"] for each in ended.object["volumes"]}
    assert ids.keys() == {"a.img", "b.img", "c.img"}
    assert len(set(ids.values())) == 3
    again = bulkput("run", job, "--shard", "1/2", "--rerun-failed", "--output=json")
    assert (again.status, again.object["volumes"]) == (0, [])
    assert bulkput("run", job, "--shard", "3/3").status == 2


def test_a_part_of_a_job_is_planned_and_checked_as_it_is_run(bulkput, job, monkeypatch):
    monkeypatch.setenv(
        "JOB_COMPLETION_INDEX", "0"
    )  # of which b.img, which is not there, is no part
    for verb in (["plan"], ["run", "--dry-run"]):
        planned = bulkput(*verb, job, "--shard", "auto/2", "--output=json")
        assert planned.status == 0
        assert [each["volume"] for each in planned.object["volumes"]] == ["a.img", "c.img"]
        assert planned.object["puts_per_s_account"] == 500
    own = ("--dry-run", "--shard", "0/2", "--quota-share", "0.25", "--output=json")
    assert bulkput("run", job, *own).object["puts_per_s_account"] == 250
    assert bulkput("run", job, "--quota-share", "2").status == 3
    assert bulkput("run", job, "--quota-share", "nan").status == 3
    checked = bulkput("check", job, "--shard", "0/2", "--output=json")
    assert "b.img" not in checked.out
    assert "b.img" in bulkput("check", job, "--shard", "1/2", "--output=json").out
    assert bulkput("plan", job, "--shard", "0/2", "--only", "a*", "--output=json").status == 0
    for verb in ("plan", "check"):
        assert bulkput(verb, job, "--shard", "2/2").status == 2


@pytest.mark.parametrize("disks", ["", ", disks: [{volume: a.img}, {volume: b.img}]"])
def test_an_image_whose_disks_are_in_two_parts_is_left_to_publish_and_both_report_it(
    bulkput, job, service, settling, disks
):
    mend(job)
    image = "{name: web, architecture: x86_64, boot_mode: uefi, contradict_disk: true%s%s}"
    regions = ", regions: [{region: eu-west-1}], share: {public: true}"
    text = job.read_text().replace("endpoint: embedded\n", "").replace(", {source: c.img}", "")
    job.write_text(f"{text}images: [{image % (regions, disks)}]\n")
    alone = job.parent / "alone.yaml"
    alone.write_text(text.replace("[", "[{name: x, source: c.img}, ") + image_of("x"))

    for verb in (["plan"], ["run", "--dry-run"]):
        flags = ("--shard", "0/2", "--output=json")
        (step,) = bulkput(*verb, job, *flags).object["steps"]
        assert "image web: not made by a run of a part of the job, which" in step["what"]
        assert f"leaves out its b.img; `bulkput publish {job}` makes it" in step["what"]

    first = bulkput("run", job, "--shard", "0/2", "--log-file", "log", "--output=json")
    assert first.status == 0, first.err
    (found,) = first.object["images"]
    assert (found["status"], found["exit_code"], found["image_id"]) == ("not-started", 0, None)
    assert "when all of its disks are done" in found["notes"][0]
    log = (job.parent / "log").read_text()
    assert log.count("image web: not made by a run of a part of the job") == 2  # before and after
    last = bulkput("run", job, "--only", "b.img")
    assert last.status == 0
    way = f"all of its disks are done: `bulkput publish {job}` makes it"
    assert way in " ".join(last.err.split())
    assert not [*service.emulator.account.resources.images.in_region("us-east-1")]

    assert bulkput("publish", job).status == 2  # public, which only who makes it has to confirm
    made = bulkput("publish", job, "--yes-public")
    assert made.status == 0, made.err
    assert settling
    assert len([*service.emulator.account.resources.images.in_region("us-east-1")]) == 1
    other = bulkput("run", alone, "--only", "b.img", "--output=json")
    assert other.status == 0, other.err
    assert other.object["images"] == []  # no disk of the image is concerned


def image_of(volume):
    return f"images: [{{name: other, disks: [{{volume: {volume}}}]}}]\n"


def test_a_part_without_any_volume_has_nothing_to_do(bulkput, job):
    mend(job)
    for args in (("--shard", "7/9"), ("--shard", "1/3", "--only", "a.img")):
        ended = bulkput("run", job, *args, "--output=json")
        assert (ended.status, ended.object["volumes"]) == (0, [])
        assert bulkput("plan", job, *args).status == 0


def mend(job):
    (job.parent / "b.img").write_bytes(b"b" * BLOCK)


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
