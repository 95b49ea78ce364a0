"""``plan`` and ``--dry-run``: what they say is what the upload then does, and nothing is sent."""

import os
import time

import pytest
from support.served import BLOCK


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def image(tmp_path):
    """Make an image of 3 blocks of data, 2 of zeros, a hole of 5 and a partial last block."""

    def make(name="web.img"):
        path = tmp_path / name
        with path.open("wb") as file:
            file.write(os.urandom(3 * BLOCK) + bytes(2 * BLOCK))
            file.seek(10 * BLOCK)
            file.write(os.urandom(1000))
            os.fsync(file.fileno())  # else the file system may not report its holes yet
        return path

    return make


def planned(bulkput, *args):
    ended = bulkput(*args, "--output", "json")
    assert ended.status == 0, ended.err
    (volume,) = ended.object["volumes"]
    return volume


def test_a_plan_names_the_store_that_it_does_not_ask(bulkput, image, state_dir, monkeypatch):
    monkeypatch.setenv("BULKPUT_STATE_STORE", "s3://states/bulkput")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    volume = planned(bulkput, "plan", image(), "--state-dir", state_dir)
    assert any("s3://states/bulkput is not asked" in note for note in volume["notes"])
    monkeypatch.delenv("BULKPUT_STATE_STORE")
    volume = planned(bulkput, "plan", image(), "--state-dir", state_dir)
    assert not any("is not asked" in note for note in volume["notes"])


def test_a_source_is_counted_by_data_zeros_and_holes_and_priced(bulkput, image, state_dir):
    volume = planned(bulkput, "plan", image(), "--state-dir", state_dir)
    counted = {"total": 11, "data": 4, "zero": 2, "hole": 5}
    assert volume["blocks"] == counted | {"resumed": 0, "unchanged": 0}
    assert (volume["puts"], volume["is_upper_bound"]) == (4, False)
    assert volume["price_usd"] == pytest.approx(4 * 0.006 / 1000)
    assert volume["time_at_quota_s"] == pytest.approx(4 / 1000, abs=0.001)
    assert volume["read_bytes_per_s"] > 0
    assert volume["volume_size_gib"] == 1
    assert not state_dir.exists()


def test_by_extents_nothing_is_read_and_the_puts_are_an_upper_bound(bulkput, image):
    volume = planned(bulkput, "plan", image(), "--fast")
    counted = {"total": 11, "data": 6, "zero": 0, "hole": 5}
    assert volume["blocks"] == counted | {"resumed": 0, "unchanged": 0}
    assert (volume["puts"], volume["is_upper_bound"]) == (6, True)
    assert volume["read_bytes_per_s"] is None
    assert "at most 6" in bulkput("plan", image(), "--fast").out


def test_fifteen_tib_of_scattered_data_take_less_than_two_seconds_by_extents(bulkput, tmp_path):
    path = tmp_path / "huge.img"
    with path.open("wb") as file:
        file.truncate(15 << 40)
        for number in range(2048):  # 1 GiB of blocks, if each were full
            os.pwrite(file.fileno(), b"x" * 4096, number * ((15 << 40) // 2048) // BLOCK * BLOCK)
    began_s = time.process_time()
    volume = planned(bulkput, "plan", path, "--fast")
    assert time.process_time() - began_s < 2
    assert volume["blocks"]["data"] == 2048
    assert volume["blocks"]["total"] == 15 << 21


@pytest.mark.parametrize(
    ("flags", "policy", "puts"),
    [
        ((), "skip", 4),
        (("--zeros=skip-holes",), "skip-holes", 6),
        (("--zeros=write",), "write", 11),
        (("--encrypted",), "write", 11),
    ],
)
def test_the_dry_run_of_an_upload_counts_what_the_upload_puts(
    bulkput, service, image, flags, policy, puts
):
    path = image()
    volume = planned(bulkput, "upload", path, *flags, "--dry-run")
    assert (volume["zeros"], volume["puts"]) == (policy, puts)
    assert service.states() == {}
    uploaded = bulkput("upload", path, *flags, "--output", "json").object
    assert uploaded["blocks"]["put"] == puts


def test_encryption_that_only_the_account_knows_is_reported_with_what_it_would_cost(bulkput, image):
    volume = planned(bulkput, "plan", image())
    assert (volume["encrypted"], volume["encryption_known_from"]) == (False, "account")
    assert volume["if_account_encrypts"]["puts"] == 11
    text = bulkput("plan", image()).out
    assert "assumed to be off" in text
    assert "every block is put: 11 puts" in text


def test_zeros_that_an_encrypting_account_would_refuse_are_reported(bulkput, image):
    ended = bulkput("upload", image(), "--zeros=skip", "--dry-run")
    assert "If it is on, the run refuses zeros: skip" in ended.out


def test_blocks_that_encryption_forbids_to_skip_fail_the_plan_as_the_run(bulkput, image):
    ended = bulkput("upload", image(), "--encrypted", "--zeros=skip", "--dry-run")
    assert ended.status == 3
    assert "expected auto or write" in ended.err


@pytest.mark.parametrize("how", [(), ("--fast",)])
@pytest.mark.parametrize("region", [(), ("--region", "us-east-1")])
def test_what_an_interrupted_upload_put_is_not_put_again(
    bulkput, service, image, monkeypatch, how, region
):
    path = image()
    service.fail("PutSnapshotBlock", nth=3)
    assert bulkput("upload", path).status == 4
    (snapshot_id,) = service.states()
    monkeypatch.delenv("AWS_REGION")  # then the ledger itself names it
    volume = planned(bulkput, "plan", path, *how, *region)
    assert volume["resumes"]["snapshot_id"] == snapshot_id
    assert volume["resumes"]["trusted"]
    assert volume["encryption_known_from"] == "snapshot"
    assert volume["blocks"]["resumed"] >= 2
    assert sum(volume["blocks"].values()) == 2 * volume["blocks"]["total"]
    reported = bulkput("plan", path, *how, *region).out
    assert f"in {snapshot_id}, not read again" in reported
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    again = bulkput("upload", path, "--output", "json").object
    assert again["snapshot_id"] == snapshot_id
    assert again["blocks"]["resumed"] == volume["blocks"]["resumed"]
    if not how:
        assert again["blocks"]["put"] == volume["puts"]


def test_a_changed_source_is_compared_with_what_the_snapshot_has(bulkput, service, image):
    path = image()
    service.fail("PutSnapshotBlock", nth=4)
    assert bulkput("upload", path).status == 4
    with path.open("r+b") as file:
        file.write(b"changed")
    volume = planned(bulkput, "plan", path)
    assert not volume["resumes"]["trusted"]
    assert any("the source changed" in note for note in volume["notes"])
    again = bulkput("upload", path, "--output", "json").object["blocks"]
    assert (again["put"], again["resumed"]) == (volume["puts"], volume["blocks"]["resumed"])


def test_another_region_has_another_ledger(bulkput, service, image):
    path = image()
    service.fail("PutSnapshotBlock", nth=2)
    assert bulkput("upload", path).status == 4
    assert planned(bulkput, "plan", path, "--region", "eu-west-1")["resumes"] is None


def test_a_completed_upload_is_no_resume(bulkput, service, image):
    path = image()
    assert bulkput("upload", path).status == 0
    assert planned(bulkput, "plan", path)["resumes"] is None


def test_a_completed_upload_that_was_not_reported_costs_nothing(bulkput, service, image):
    path = image()
    service.fail("ListSnapshotBlocks")
    assert bulkput("upload", path, "--verify").status == 4
    volume = planned(bulkput, "plan", path)
    assert (volume["puts"], volume["resumes"]["only_waits"]) == (0, True)
    assert any("ended before it reported the result" in note for note in volume["notes"])


def test_a_job_of_several_volumes_has_a_sum(bulkput, image, tmp_path):
    one, two = image("one.img"), image("two.img")
    job = tmp_path / "job.yml"
    job.write_text(
        "version: 1\nregion: eu-central-1\nusd_per_thousand_puts: 0.01\nparallel: 2\n"
        f"tuning:\n  puts_per_s_account: 4\n  puts_per_s_snapshot: 4\n"
        f"volumes:\n  - source: {one}\n  - source: {two}\n"
    )
    for ended in (
        bulkput("plan", job, "--output=json"),
        bulkput("run", job, "--dry-run", "--output=json"),
    ):
        found = ended.object
        assert (found["puts"], found["time_at_quota_s"]) == (8, 2.0)
        assert found["price_usd"] == pytest.approx(8 * 0.01 / 1000)
    assert "together:" in bulkput("plan", job).out
    assert (
        bulkput("plan", job, "--usd-per-thousand=1", "--output=json").object["price_usd"] == 0.008
    )


def test_a_volume_that_cannot_be_read_does_not_hide_the_others(bulkput, image, tmp_path):
    job = tmp_path / "job.yaml"
    job.write_text(f"version: 1\nvolumes:\n  - source: {image()}\n  - source: gone.img\n")
    ended = bulkput("plan", job, "--output=json")
    assert (ended.status, ended.object["puts"]) == (8, 4)
    assert "gone.img" in ended.err
    assert bulkput("plan", "gone.img").status == 6


def test_a_disk_whose_name_ends_as_a_configuration_s_is_refused_by_its_content(bulkput, image):
    disk = image("disk.yaml")
    ended = bulkput("plan", disk)
    assert (ended.status, ended.out) == (3, "")
    assert str(disk) in ended.err
    assert planned(bulkput, "upload", disk, "--dry-run")["puts"] == 4


def test_a_sample_is_planned_as_it_will_be_uploaded(bulkput, tmp_path, state_dir):
    job = tmp_path / "job.yaml"
    job.write_text("version: 1\nendpoint: embedded\nvolumes:\n  - source: {sample: 8MiB}\n")
    volume = planned(bulkput, "plan", job, "--state-dir", state_dir)
    assert volume["puts"] > 0
