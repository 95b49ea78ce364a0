"""How far jobs are, by the state store: begun on one host, gone on with and looked at on others."""

from dataclasses import replace

import pytest

from bulkput.store.cut import decode_cut, encode_cut


@pytest.fixture
def job(s3, image, tmp_path):
    path = tmp_path / "nightly.yaml"
    path.write_text(f"version: 1\nname: nightly\nvolumes:\n  - source: {image('web.img')}\n")
    return path


@pytest.fixture
def interrupted(bulkput, service, job, on_host):
    """Begin the job on host one; return the snapshot, which is then pending."""
    on_host("one")
    service.fail("PutSnapshotBlock", nth=2)
    assert bulkput("run", job).status == 4
    (snapshot_id,) = service.states()
    return snapshot_id


def test_how_far_a_job_of_another_host_is(bulkput, s3, job, interrupted, on_host):
    on_host("two")
    (volume,) = bulkput("status", job, "--output", "json").object["volumes"]
    assert (volume["volume"], volume["snapshot_id"]) == ("web.img", interrupted)
    assert volume["percent"] >= 25
    for key in s3.keys("uploads"):
        del s3.objects[key]
    # The job's record is in the store yet; how far the volume is, nobody knows by now.
    (volume,) = bulkput("status", job, "--output", "json").object["volumes"]
    assert not volume["percent"]


def test_the_store_is_asked_once_how_far_a_job_is(bulkput, s3, job, interrupted, on_host):
    for host in ("one", "two"):
        on_host(host)
        s3.requests.clear()
        (volume,) = bulkput("status", job, "--output", "json").object["volumes"]
        assert volume["snapshot_id"] == interrupted
        assert s3.requests["GET"] == len(s3.keys("state.json")) + len(s3.keys("jobs/"))


def test_a_damaged_record_of_a_job_is_reported_where_no_store_has_another(
    bulkput, s3, job, interrupted, tmp_path
):
    (record,) = tmp_path.glob("one/jobs/*.json")
    record.write_text("torn")
    (volume,) = bulkput("status", job, "--output", "json").object["volumes"]
    assert volume["snapshot_id"] == interrupted, "the store has it"
    for key in s3.keys("jobs/"):
        del s3.objects[key]
    ended = bulkput("status", job)
    assert (ended.status, f"{record}: is damaged, or of another version" in ended.err) == (3, True)


def test_what_another_host_has_finished_is_not_interrupted_here(bulkput, job, interrupted, on_host):
    on_host("two")
    assert bulkput("run", job).status == 0
    on_host("one")
    found = bulkput("status", job, "--output", "json").object
    assert (found["status"], found["reported"]) == ("completed", True)
    (volume,) = found["volumes"]
    assert (volume["status"], volume["snapshot_id"]) == ("completed", interrupted)
    listed = bulkput("jobs", "--output", "json").object
    assert (listed["jobs"], listed["job_files"], listed["stored"]) == ([], [], [])
    ended = bulkput("verify", job)
    assert (ended.status, interrupted in ended.out) == (0, True), ended.err


def test_jobs_of_other_hosts_are_listed_and_found_by_name(bulkput, interrupted, on_host):
    on_host("two")
    (found,) = bulkput("jobs", "--output", "json").object["job_files"]
    assert (found["job"], found["status"]) == ("nightly", "failed")
    assert found["volumes"][0]["snapshot_id"] == interrupted
    assert found["volumes"][0]["percent"] >= 25
    for name in ("nightly", found["job_id"]):
        ended = bulkput("status", name, "--output", "json")
        assert ended.status == 0, ended.err
        assert ended.object["volumes"] == found["volumes"]


def test_a_host_of_the_store_that_works_on_a_volume_is_named(
    bulkput, s3, job, interrupted, on_host
):
    (key,) = s3.keys("state.json")
    cut = decode_cut(s3.objects[key][0])
    writer = replace(cut.writer, writer_id="f" * 32, host="other", process_id=77, lease_s=600)
    s3.put(key, encode_cut(replace(cut, writer=writer, sequence=cut.sequence + 1)))
    for host in ("one", "two"):
        on_host(host)
        (volume,) = bulkput("status", job, "--output", "json").object["volumes"]
        facts = (volume["status"], volume["held_by"], volume["held_on"])
        assert facts == ("running", 77, "other")
        assert "running (77 on other)" in bulkput("status", job).out
