"""``--shard`` and ``--only``: parts of a job, on one machine or on many."""

import inspect

import pytest
from support.job_files import mend

from bulkput import CopyOptions
from bulkput.config.copying import copy_from_flags
from bulkput.pace.call_gate import SharedCallGate


def test_parts_of_a_job_make_all_of_it_once(bulkput, job, monkeypatch):
    mend(job)
    rates_per_s = []

    async def admit(gate):
        rates_per_s.append(gate._rate_per_s)
        return 0.0

    monkeypatch.setattr(SharedCallGate, "admit", admit)
    ids = {}
    for number in range(2):
        monkeypatch.setenv("JOB_COMPLETION_INDEX", str(number))
        ended = bulkput("run", job, "--shard=auto/2", "--rerun-failed", "--output=json")
        assert ended.status == 0
        ids |= {each["volume"]: each["snapshot_id"] for each in ended.object["volumes"]}
    assert ids.keys() == {"a.img", "b.img", "c.img"}
    assert len(set(ids.values())) == 3
    assert rates_per_s == 3 * [5.0, 5.0], "StartSnapshot and CompleteSnapshot of each volume"
    again = bulkput("run", job, "--shard", "1/2", "--rerun-failed", "--output=json")
    assert (again.status, again.object["volumes"]) == (0, [])
    assert bulkput("run", job, "--shard", "3/3").status == 2


def test_a_part_of_a_job_is_planned_and_checked_as_it_is_run(bulkput, job, monkeypatch):
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "0")  # b.img, which is not there, is in the other
    for verb in (["plan"], ["run", "--dry-run"]):
        planned = bulkput(*verb, job, "--shard", "auto/2", "--output=json")
        assert planned.status == 0
        assert [each["volume"] for each in planned.object["volumes"]] == ["a.img", "c.img"]
        assert planned.object["puts_per_s_account"] == 500
    own = ("--dry-run", "--shard", "0/2", "--quota-share", "0.25", "--output=json")
    assert bulkput("run", job, *own).object["puts_per_s_account"] == 250
    written = job.read_text()
    for tuning, allowed in (("puts_per_s_account: 120", 60), ("quota_share: 0.5", 250)):
        job.write_text(f"{written}tuning: {{{tuning}}}\n")
        assert (
            bulkput("plan", job, "--shard=0/2", "--output=json").object["puts_per_s_account"]
            == allowed
        )
    job.write_text(written)
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

    for flags, is_tried in ((("--shard", "0/2"), False), ((), True)):
        checked = bulkput("check", job, *flags, "--output=json")
        assert ("RegisterImage" in checked.out) is is_tried

    first = bulkput("run", job, "--shard", "0/2", "--log-file", "log", "--output=json")
    assert first.status == 0, first.err
    (found,) = first.object["images"]
    assert (found["status"], found["exit_code"], found["image_id"]) == ("not-started", 0, None)
    assert "when all of its disks are done" in found["notes"][0]
    log = (job.parent / "log").read_text()
    assert log.count("image web: not made by a run of a part of the job") == 2  # before and after
    last = bulkput("run", job, "--only", "b.img")
    assert last.status == 0
    way = f"all of its disks are done: `bulkput publish {job}`, or a run of the whole job, makes it"
    assert way in " ".join(last.err.split())
    assert not [*service.emulator.account.resources.images.in_region("us-east-1")]

    assert bulkput("publish", job).status == 2  # public, which only who makes it has to confirm
    made = bulkput("publish", job, "--yes-public")
    assert made.status == 0, made.err
    assert settling
    assert len([*service.emulator.account.resources.images.in_region("us-east-1")]) == 1
    assert "all is reported, the next run begins anew" in bulkput("status", job).err
    other = bulkput("run", alone, "--only", "b.img", "--output=json")
    assert other.status == 0, other.err
    assert other.object["images"] == []  # no disk of the image is concerned


def test_a_run_of_all_makes_the_image_that_its_parts_left_and_puts_nothing(
    bulkput, job, service, settling
):
    mend(job)
    images = "".join(
        f"  - {{name: {name}, architecture: x86_64, boot_mode: uefi, contradict_disk: true, "
        f"disks: [{disks}]}}\n"
        for name, disks in (("web", "{volume: a.img}, {volume: b.img}"), ("one", "{volume: a.img}"))
    )
    job.write_text(job.read_text().replace("endpoint: embedded\n", "") + f"images:\n{images}")

    def run(*flags):
        ended = bulkput("run", job, "--output=json", *flags)
        assert ended.status == 0, ended.err
        return ended.object

    one, two, three = run("--only", "a.img"), run("--only", "b.img"), run("--only", "c.img")
    assert [each["status"] for each in one["images"]] == ["not-started", "available"]
    assert [each["status"] for each in two["images"]] == ["not-started"]
    assert three["images"] == []
    ids = {each["snapshot_id"] for part in (one, two, three) for each in part["volumes"]}
    status = bulkput("status", job)
    assert "3 completed of 3 volumes, image web not-started, image one available" in status.err
    assert "begins anew" not in status.err
    whole = run()
    assert {each["snapshot_id"] for each in whole["volumes"]} == ids
    assert [each["status"] for each in whole["images"]] == ["available", "available"]
    assert len([*service.emulator.account.resources.images.in_region("us-east-1")]) == 2
    assert "all is reported, the next run begins anew" in bulkput("status", job).err


def image_of(volume):
    return f"images: [{{name: other, disks: [{{volume: {volume}}}]}}]\n"


def test_a_part_without_any_volume_has_nothing_to_do(bulkput, job):
    mend(job)
    for args in (("--shard", "7/9"), ("--shard", "1/3", "--only", "a.img")):
        ended = bulkput("run", job, *args, "--output=json")
        assert (ended.status, ended.object["volumes"]) == (0, [])
        assert bulkput("plan", job, *args).status == 0


@pytest.mark.parametrize(
    "command",
    [
        ("upload", "a.img"),
        ("download", "snap-0123456789abcdef0", "back.img"),
        ("verify", "snap-0123456789abcdef0"),
        ("verify", "job.yaml"),
        ("copy", "snap-0123456789abcdef0", "--to-region", "eu-west-1"),
        ("run", "job.yaml"),
    ],
    ids=" ".join,
)
def test_every_verb_of_many_blocks_takes_a_share_of_the_quotas(bulkput, job, command):
    """That it reaches the settings is seen by one that is none."""
    ended = bulkput(*command, "--quota-share", "2")
    assert ended.status == 3
    assert "--quota-share: expected" in ended.err
    assert "up to 1" in ended.err


def test_a_share_is_of_both_ends_of_a_copy_and_of_an_upload(bulkput, job):
    planned = bulkput("upload", "a.img", "--dry-run", "--quota-share=0.25", "--output=json")
    assert planned.object["puts_per_s_account"] == 250
    options = inspect.signature(CopyOptions).parameters
    flags = dict.fromkeys(options) | {"snapshot_id": "snap-0", "tag": (), "full": False}
    flags.pop("tags")
    flags.pop("tuning")
    both = copy_from_flags(flags | {"quota_share": 0.25}, environ={}, config=None)
    assert both.source.tuning.quota_share == both.target.tuning.quota_share == 0.25
