"""Images of snapshots that exist: registered, listed, pruned, on the emulator."""

import pytest
from support.ec2 import Boto
from support.served import Served

from bulkput.emulator.options import DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY

BOOT = ("--architecture", "x86_64", "--boot-mode", "uefi", "--contradict-disk")


@pytest.fixture
def boto(tmp_path, monkeypatch):
    served = Served(tmp_path / "served")
    for name, value in served.environment(tmp_path / "state").items():
        monkeypatch.setenv(name, value)
    yield Boto(served.url, DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY)
    served.stop()


def test_images_are_registered_listed_and_pruned(bulkput, boto):
    ids = {}
    for number in (1, 2, 3):
        snapshot_id = boto.snapshot()
        name = f"web-{number}"
        ended = bulkput("image", "register", snapshot_id, "--name", name, "--family=web", *BOOT)
        assert ended.status == 0, ended.err
        ids[name] = ended.out.strip()
    assert {name: image["ImageId"] for name, image in boto.images().items()} == ids
    again = bulkput(
        *("image", "register", snapshot_id, "--name", "web-3", "--family=web", *BOOT),
        *("--output", "json"),
    )
    assert again.object["image_id"] == ids["web-3"]

    here = ("--family", "web", "--only-region", "us-east-1")
    listed = bulkput("image", "list", *here, "--output", "json").object["images"]
    assert {each["image_id"] for each in listed} == set(ids.values())
    asked = bulkput("image", "prune", *here, "--keep", "2")
    assert "to delete" in asked.out
    assert "--yes" in asked.err
    assert len(boto.images()) == 3
    pruned = bulkput("image", "prune", *here, "--keep", "2", "--yes", "--output", "json")
    (gone,) = [each for each in pruned.object["images"] if each["goes"]]
    assert gone["image_id"] not in {each["ImageId"] for each in boto.images().values()}
    left = boto.client("ec2").describe_snapshots(OwnerIds=["self"])["Snapshots"]
    assert not set(gone["snapshot_ids"]) & {each["SnapshotId"] for each in left}
    assert len(left) == 2
    young = bulkput("image", "prune", *here, "--keep", "1", "--older-than", "1d", "--yes")
    assert young.status == 0
    assert len(boto.images()) == 2


def test_a_snapshot_that_does_not_exist_is_no_disk_of_an_image(bulkput, boto):
    unknown = "snap-0123456789abcdef0"
    ended = bulkput("image", "register", unknown, "--name", "web", *BOOT, "--output", "json")
    assert ended.status == ended.object["exit_code"] == 7
    assert ended.object["status"] == "not-started"
    assert f"{unknown}: EC2 does not know it in us-east-1" in ended.object["error"]
    assert f"{unknown}: EC2 does not know it in us-east-1" in ended.err
    assert "completed" not in ended.err
    assert not boto.images()


def test_copies_wait_for_what_an_earlier_run_may_have_begun(bulkput, boto, settling):
    command = ("image", "register", boto.snapshot(), "--name", "web", "--copy-to", "eu-west-1")
    assert bulkput(*command, *BOOT).status == 0
    assert len(settling) == 1
    assert all(settling)
    assert bulkput(*command, *BOOT).status == 0
    assert len(settling) == 1  # the copy is found at once


def test_a_disk_that_does_not_tell_has_to_be_told(bulkput, boto):
    snapshot_id = boto.snapshot()
    unknown = bulkput("image", "register", snapshot_id, "--name", "web")
    assert unknown.status == 3
    assert "expected x86_64 or arm64" in unknown.err
    against = bulkput("image", "register", snapshot_id, "--name", "web", *BOOT[:-1])
    assert against.status == 3
    assert "contradict_disk" in against.err
    assert not boto.images()


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("register", "ami-1", "--name", "web"), 3, "SNAPSHOT: expected a snapshot's id"),
        (("register", "snap-0123abcd", "--name", "x"), 3, "--name: expected an image's name"),
        (("register", "snap-0123abcd", "--name", "web", "--tag", "x"), 3, "--tag: expected"),
        (("register", "snap-0123abcd", "--name", "web", "--public"), 2, "--yes-public"),
        (("prune", "--family", "web"), 2, "--keep"),
        (("list", "--family", "web", "--only-region", "eu"), 2, "a Region such as"),
        (("prune", "--family=web", "--keep=1", "--only-region=eu"), 2, "a Region such as"),
    ],
)
def test_what_is_wrong_is_named(bulkput, arguments, status, words, monkeypatch):
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    ended = bulkput("image", *arguments)
    assert ended.status == status
    assert words in ended.err
