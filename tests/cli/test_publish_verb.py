"""What a job asks for of a snapshot, made on the emulator and on moto, which nobody here wrote.

moto differs from EC2's documentation where it says so below; the rest of the suite is the same.
"""

import json

import pytest
from moto.server import ThreadedMotoServer
from support.ec2 import Boto
from support.served import Served

from bulkput.emulator.options import DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY
from bulkput.model.errors import TemporaryError

FAR = "eu-west-1"
ACCOUNT = "222233334444"
ORGANIZATION = "arn:aws:organizations::111122223333:organization/o-abcdefghij"
JOB = f"""
version: 1
volumes:
  - name: root
    source: disk.img
    share: {{accounts: ["{ACCOUNT}"]}}
    create_volume: {{availability_zone: us-east-1a, tags: {{Use: test}}}}
    regions: [{{region: {FAR}, tags: {{Copy: "1"}}}}]
images:
  - name: web-1
    family: web
    architecture: x86_64
    boot_mode: uefi
    contradict_disk: true
    share: {{accounts: ["{ACCOUNT}"], organizations: ["{ORGANIZATION}"]}}
    regions: [{{region: {FAR}}}]
    ssm_parameter: /images/web
"""


@pytest.fixture(scope="module")
def moto():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")  # thousands, in every Region
        yield from _moto()


def _moto():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["emulator", "moto"])
def boto(request, tmp_path, monkeypatch):
    running = None
    if request.param == "moto":
        url, keys = request.getfixturevalue("moto"), ("AKIAMOTO", "secret")
    else:
        running = Served(tmp_path / "served")
        url, keys = running.url, (DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY)
    for name, value in {
        "BULKPUT_ENDPOINT": url,
        "BULKPUT_STATE_DIR": str(tmp_path / "state"),
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": keys[0],
        "AWS_SECRET_ACCESS_KEY": keys[1],
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "job.yaml").write_text(JOB)
    boto = Boto(url, *keys)
    boto.is_moto = running is None
    yield boto
    if running is not None:
        running.stop()


def test_all_that_is_asked_for_is_made_once(bulkput, boto, settling):
    snapshot_id = boto.snapshot()
    command = ("publish", "job.yaml", "--snapshot", f"root={snapshot_id}")
    ended = bulkput(*command)
    assert ended.status == 0, ended.err
    assert all(settling)  # another run may have begun a copy of it a moment ago
    assert len(settling) == 1
    first, last = ended.out.splitlines()
    assert first == snapshot_id
    assert last == boto.images()["web-1"]["ImageId"]
    _, (volume_id,) = boto.made_of(snapshot_id)
    (copy_id,), _ = boto.made_of(snapshot_id, FAR)
    ec2 = boto.client("ec2")
    (volume,) = ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"]
    assert volume["AvailabilityZone"] == "us-east-1a"
    asked = {"SnapshotId": snapshot_id, "Attribute": "createVolumePermission"}
    shared = ec2.describe_snapshot_attribute(**asked)["CreateVolumePermissions"]
    assert shared == [{"UserId": ACCOUNT}]
    for region in ("us-east-1", FAR):
        image_id = boto.images(region)["web-1"]["ImageId"]
        parameter = boto.client("ssm", region).get_parameter(Name="/images/web")
        assert parameter["Parameter"]["Value"] == image_id
        launch = boto.client("ec2", region).describe_image_attribute(
            ImageId=image_id, Attribute="launchPermission"
        )["LaunchPermissions"]
        assert {"UserId": ACCOUNT} in launch
        assert {"OrganizationArn": ORGANIZATION} in launch

    again = bulkput(*command, "--output", "json")
    assert boto.made_of(snapshot_id) == ([], [volume_id])
    assert boto.made_of(snapshot_id, FAR) == ([copy_id], [])
    assert len(boto.images(FAR)) == 1
    if boto.is_moto:  # it keeps neither the disks nor the tags of an image: it is another's
        assert again.status == 3
        assert "has this name and is over" in again.object["error"]
        return
    assert again.status == 0
    assert again.object["image_id"] == last
    assert again.object["published"]["copies"] == {FAR: copy_id}
    (image,) = again.object["images"]
    assert image["images"] == {
        region: boto.images(region)["web-1"]["ImageId"] for region in ("us-east-1", FAR)
    }
    assert image["snapshots"] == {"us-east-1": [snapshot_id], FAR: [copy_id]}
    mappings = boto.images(FAR)["web-1"]["BlockDeviceMappings"]
    assert [each["Ebs"]["SnapshotId"] for each in mappings] == [copy_id]


@pytest.mark.parametrize("boto", ["emulator"], indirect=True)
def test_an_upload_ends_with_the_image(bulkput, boto, tmp_path, settling):
    (tmp_path / "disk.img").write_bytes(b"x" * 524_288)
    ended = bulkput("run", "job.yaml", "--output", "json", "--events", "events.jsonl")
    assert ended.status == 0, ended.err
    assert settling == [0.0]  # nobody else can know a snapshot that has just been made
    assert ended.object["image_id"] == boto.images()["web-1"]["ImageId"]
    assert ended.object["status"] == "completed"
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    (made,) = [each for each in events if each["event"] == "image_ended"]
    assert made["outcome"]["image_id"] == ended.object["image_id"]
    assert {"phase": "publishing"}.items() <= next(
        each for each in events if each.get("phase") == "publishing"
    ).items()
    later = bulkput("run", "job.yaml")
    assert later.status == 3
    assert "has this name already" in later.err


@pytest.mark.parametrize("boto", ["emulator"], indirect=True)
def test_a_failed_image_leaves_the_job_unfinished_and_the_snapshot_is_taken_again(
    bulkput, boto, tmp_path, monkeypatch
):
    async def fail(*_):
        raise TemporaryError("no parameter now")

    (tmp_path / "disk.img").write_bytes(b"x" * 524_288)
    with monkeypatch.context() as patch:
        patch.setattr("bulkput.publish.image_steps.ensure_parameter", fail)
        failed = bulkput("run", "job.yaml", "--output", "json")
    assert failed.status == 5
    assert failed.object["status"] == "failed"
    assert "no parameter now" in failed.object["error"]
    ended = bulkput("run", "job.yaml", "--output", "json")
    assert ended.status == 0, ended.err
    assert ended.object["snapshot_id"] == failed.object["snapshot_id"]
    assert ended.object["image_id"]


@pytest.mark.parametrize("boto", ["emulator"], indirect=True)
def test_public_has_to_be_confirmed(bulkput, boto, tmp_path):
    snapshot_id = boto.snapshot()
    (tmp_path / "job.yaml").write_text(
        "version: 1\nvolumes: [{name: root, source: a, share: {public: true}}]\n"
    )
    command = ("publish", "job.yaml", "--snapshot", f"root={snapshot_id}")
    asked = bulkput(*command)
    assert asked.status == 2
    assert "--yes-public confirms" in asked.err
    assert bulkput(*command, "--yes-public").status == 0
    twice = bulkput(*command, "--snapshot", f"root={snapshot_id}", "--yes-public")
    assert twice.status == 2
    assert "root is given twice" in twice.err
    missing = bulkput("publish", "job.yaml", "--yes-public")
    assert missing.status == 3
    assert "--snapshot root=SNAPSHOT" in missing.err


@pytest.mark.parametrize("boto", ["emulator"], indirect=True)
def test_a_file_of_an_image_that_is_missing_is_reported_before_anything_is_made(
    bulkput, boto, tmp_path, settling
):
    snapshot_id = boto.snapshot()
    text = JOB.replace("family: web", "family: web\n    uefi_data: gone.b64")
    other = "  - {name: other, source: b}\nimages:"
    command = ("publish", "job.yaml", "--snapshot", f"root={snapshot_id}")
    (tmp_path / "job.yaml").write_text(text)
    refused = bulkput(*command)
    assert refused.status == 3
    assert "uefi_data" in refused.err
    assert boto.made_of(snapshot_id) == ([], [])
    (tmp_path / "job.yaml").write_text(text.replace("images:", other))
    ended = bulkput(*command, "--only", "root")  # the image has a disk beside it
    assert ended.status == 0
    assert "image web-1: not-started" in ended.err
    assert "leaves out its other; when all of its disks are done, `bulkput publish /" in ended.err
    assert not boto.images()
    assert len(settling) == 1  # for the copy, which the refused run has not begun


KEY = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555"


@pytest.mark.parametrize("boto", ["emulator"], indirect=True)
def test_a_snapshot_without_its_zeros_is_not_encrypted_later(bulkput, boto, tmp_path):
    (tmp_path / "disk.img").write_bytes(b"x" * 524_288 + bytes(524_288))
    job = "version: 1\nvolumes:\n  - name: root\n    source: disk.img\n    "
    (tmp_path / "job.yaml").write_text(job + "zeros: auto\n")
    assert bulkput("run", "job.yaml").status == 0
    copied = f"regions: [{{region: {FAR}, kms_key_arn: '{KEY}'}}]\n"
    (tmp_path / "job.yaml").write_text(job + copied)
    refused = bulkput("publish", "job.yaml")
    assert refused.status == 3
    assert "zeros: write" in refused.err
    ended = bulkput("run", "job.yaml", "--output", "json")  # with every block, as it is asked now
    assert ended.status == 0, ended.err
    assert ended.object["blocks"]["put"] == 2
    (copy_id,), _ = boto.made_of(ended.object["snapshot_id"], FAR)
    ec2 = boto.client("ec2", FAR)
    (copy,) = ec2.describe_snapshots(SnapshotIds=[copy_id])["Snapshots"]
    assert copy["Encrypted"]
    assert copy["KmsKeyId"] == KEY


def test_a_sample_that_was_uploaded_is_published_again(bulkput, tmp_path, monkeypatch):
    monkeypatch.setenv("BULKPUT_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "job.yaml").write_text(
        "version: 1\nendpoint: embedded\nregion: us-east-1\n"
        "volumes: [{name: root, source: {sample: 8MiB}, share: {accounts: ['222233334444']}}]\n"
    )
    ran = bulkput("run", "job.yaml")
    assert ran.status == 0, ran.err
    ended = bulkput("publish", "job.yaml")
    assert ended.status == 0, ended.err
    assert ended.out == ran.out
    assert f"  source    {tmp_path}" in ended.err
    assert "puts" not in ended.err  # nothing was uploaded
