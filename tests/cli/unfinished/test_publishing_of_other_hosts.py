"""``publish`` knows the snapshots that other hosts have made, by the state store."""

import os

import pytest
from support.served import BLOCK


@pytest.fixture
def job(tmp_path):
    path = tmp_path / "job.yaml"
    for name in ("a.img", "b.img"):
        (tmp_path / name).write_bytes(os.urandom(BLOCK))
    volume = 'share: {accounts: ["222233334444"]}'
    path.write_text(
        "version: 1\nvolumes:\n"
        f"  - {{source: a.img, {volume}}}\n  - {{source: b.img}}\n"
        "images: [{name: web, architecture: x86_64, boot_mode: uefi, contradict_disk: true}]\n"
    )
    return path


def ids(ended):
    assert ended.status == 0, ended.err
    return {each["volume"]: each["snapshot_id"] for each in ended.object["volumes"]}


def test_parts_of_two_hosts_are_published_from_a_third_one_without_the_disks(
    bulkput, s3, service, settling, job, on_host, tmp_path
):
    made = {}
    for number, name in enumerate("ab"):
        on_host(name)
        made |= ids(bulkput("run", job, "--shard", f"{number}/2", "--output=json"))
    on_host("third")
    for name in ("a.img", "b.img"):
        (tmp_path / name).unlink()
    published = bulkput("publish", job, "--output=json")
    assert ids(published) == made
    (image,) = published.object["images"]
    assert image["snapshots"]["us-east-1"] == [made["a.img"], made["b.img"]]
    assert published.object["volumes"][0]["published"]["shared_with"] == ["222233334444"]


def test_of_an_older_and_a_newer_snapshot_the_newer_one_counts(
    bulkput, s3, service, settling, job, on_host
):
    job.write_text(job.read_text().partition("images:")[0])
    on_host("one")
    older = ids(bulkput("run", job, "--output=json"))
    on_host("two")
    newer = ids(bulkput("run", job, "--fresh", "--output=json"))
    assert set(older.values()).isdisjoint(newer.values())
    on_host("one")
    assert ids(bulkput("publish", job, "--output=json")) == newer


def test_without_a_snapshot_anywhere_both_places_are_named(bulkput, s3, service, job, on_host):
    on_host("one")
    ended = bulkput("publish", job)
    assert ended.status == 8
    assert f"in the state folder and {os.environ['BULKPUT_STATE_STORE']}" in ended.err


def test_a_store_that_is_down_leaves_what_this_host_knows(bulkput, s3, service, job, on_host):
    on_host("one")
    made = ids(bulkput("run", job, "--output=json"))
    s3.answer = 403
    ended = bulkput("publish", job, "--output=json")
    assert ids(ended) == made
    assert "only this host's state counts" in ended.err
