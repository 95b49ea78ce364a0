"""An image is registered once a Region over one set of copies, whenever a run is killed."""

from datetime import UTC, datetime, timedelta

import pytest
from publish.fake_account import HOME, KEY, Cloud, FakeAccount, Killed, run

from bulkput.config.images import ImageDiskSettings, ImageSettings
from bulkput.model.errors import ConfigError, ServiceError
from bulkput.publish.boot import Boot
from bulkput.publish.image import device_names
from bulkput.publish.image_steps import PublishedImage, WantedImage, publish_image
from bulkput.publish.launch import deprecation_to_set

FAR, NEAR = "us-west-2", "eu-west-1"
UNIT = "arn:aws:organizations::111122223333:ou/o-abcdefghij/ou-abc1-defghijk"
EVERYTHING = {
    "name": "web-2026-11-29",
    "family": "web",
    "tags": {"Team": "web"},
    "tpm": True,
    "deprecate_after": "90d",
    "share": {"accounts": ["222233334444"], "organizational_units": [UNIT]},
    "regions": [{"region": FAR, "kms_key_arn": KEY.format(FAR)}, {"region": NEAR}],
    "ssm_parameter": "/images/web",
}
BOOT = Boot("x86_64", "uefi")


def publish(cloud, snapshot_ids, wanted, *, boot=BOOT, lacks_zeros=False, **account):
    done = PublishedImage()
    disks = tuple((ImageDiskSettings(volume="v"), each) for each in snapshot_ids)

    async def work():
        made = FakeAccount(cloud, **account)
        settings = ImageSettings.model_validate(wanted)
        await publish_image(made, WantedImage(settings, boot, disks, lacks_zeros), done)
        return made

    return done, run(work)


@pytest.fixture
def cloud():
    return Cloud()


def new_cloud():
    cloud = Cloud()
    return cloud, [cloud.snapshot(tags={"Name": "root"}), cloud.snapshot()]


def require_one_of_each(cloud, snapshot_ids):
    for region in (HOME, FAR, NEAR):
        here = cloud.region(region)
        ((image_id, image),) = here.images.items()
        assert image["State"] == "available"
        assert image["permissions"] == [
            {"UserId": "222233334444"},
            {"OrganizationalUnitArn": UNIT},
        ]
        assert image["DeprecationTime"]
        assert here.parameters == {"/images/web": image_id}
        used = [each["Ebs"]["SnapshotId"] for each in image["BlockDeviceMappings"]]
        assert sorted(used) == sorted(here.snapshots), "a snapshot is orphaned"
    assert list(cloud.region(HOME).snapshots) == snapshot_ids


def test_an_image_of_two_disks_is_registered_in_every_region():
    cloud, snapshot_ids = new_cloud()
    done, _ = publish(cloud, snapshot_ids, EVERYTHING)
    require_one_of_each(cloud, snapshot_ids)
    assert next(iter(done.images)) == HOME
    assert set(done.images) == {HOME, FAR, NEAR}
    assert done.snapshots[HOME] == snapshot_ids
    image = cloud.region(HOME).images[done.images[HOME]]
    assert image["RootDeviceName"] == "/dev/xvda"
    assert [each["DeviceName"] for each in image["BlockDeviceMappings"]] == [
        "/dev/xvda",
        "/dev/sdf",
    ]
    assert all("Encrypted" not in each["Ebs"] for each in image["BlockDeviceMappings"])
    for name, value in {
        "Architecture": "x86_64",
        "BootMode": "uefi",
        "VirtualizationType": "hvm",
        "EnaSupport": True,
        "TpmSupport": "v2.0",
        "ImdsSupport": "v2.0",
    }.items():
        assert image[name] == value
    tags = {each["Key"]: each["Value"] for each in image["Tags"]}
    assert tags["bulkput:family"] == "web"
    assert tags["bulkput:source"] == " ".join(snapshot_ids)
    for copy in cloud.region(FAR).snapshots.values():
        assert copy["KmsKeyId"] == KEY.format(FAR)


def test_a_second_run_changes_nothing():
    cloud, snapshot_ids = new_cloud()
    first, _ = publish(cloud, snapshot_ids, EVERYTHING)
    cloud.log.clear()
    second, _ = publish(cloud, snapshot_ids, EVERYTHING)
    assert first.images == second.images
    changes = {name for name, _ in cloud.log if not name.startswith(("Describe", "Get"))}
    assert changes == set()


def test_a_copy_that_no_list_shows_yet_is_waited_for_by_a_rerun():
    calls = publish(*new_cloud(), EVERYTHING)[1].calls
    for number in range(1, calls + 1):
        cloud, snapshot_ids = new_cloud()
        cloud.lag_s = 4.0
        with pytest.raises(Killed):
            publish(cloud, snapshot_ids, EVERYTHING, kill_at=number)
        publish(cloud, snapshot_ids, EVERYTHING, settled_s=5.0)
        require_one_of_each(cloud, snapshot_ids)


@pytest.mark.parametrize("heard", [True, False], ids=["carried-out", "not-heard"])
def test_killed_at_any_call_the_next_run_finishes(heard):
    cloud, snapshot_ids = new_cloud()
    calls = publish(cloud, snapshot_ids, EVERYTHING)[1].calls
    assert calls > 40
    for number in range(1, calls + 1):
        cloud, snapshot_ids = new_cloud()
        with pytest.raises(Killed):
            publish(cloud, snapshot_ids, EVERYTHING, kill_at=number, heard=heard)
        publish(cloud, snapshot_ids, EVERYTHING)
        require_one_of_each(cloud, snapshot_ids)


def test_an_answer_that_is_lost_makes_nothing_twice():
    cloud, snapshot_ids = new_cloud()
    for number in range(1, publish(cloud, snapshot_ids, EVERYTHING)[1].calls + 1):
        cloud, snapshot_ids = new_cloud()
        publish(cloud, snapshot_ids, EVERYTHING, lose=[number])
        require_one_of_each(cloud, snapshot_ids)


SIMPLE = {"name": "web"}


def test_another_disk_under_the_same_name_is_refused(cloud):
    old, new = cloud.snapshot(), cloud.snapshot()
    publish(cloud, [old], SIMPLE)
    with pytest.raises(ConfigError, match=f"has this name and is over {old}"):
        publish(cloud, [new], SIMPLE)
    with pytest.raises(ConfigError, match="its BootMode is uefi, not legacy-bios"):
        publish(cloud, [old], SIMPLE, boot=Boot("x86_64", "legacy-bios"))
    assert len(cloud.region(HOME).images) == 1


@pytest.mark.parametrize("heard", [True, False])
def test_or_replaces_it_and_killed_at_any_call_one_image_is_left(heard):
    def replaced(**account):
        cloud = Cloud()
        old, new = cloud.snapshot(), cloud.snapshot()
        publish(cloud, [old], SIMPLE)
        try:
            return cloud, new, publish(cloud, [new], SIMPLE | {"replace": True}, **account)[1]
        except Killed:
            publish(cloud, [new], SIMPLE | {"replace": True})
            return cloud, new, None

    for number in range(1, replaced()[2].calls + 1):
        cloud, new, _ = replaced(kill_at=number, heard=heard)
        (image,) = cloud.region(HOME).images.values()
        assert image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"] == new


def test_what_cannot_be_registered_costs_the_old_image_nothing(cloud):
    old, new = cloud.snapshot(), cloud.snapshot()
    publish(cloud, [old], SIMPLE)
    cloud.region(HOME).refuses_images = True
    with pytest.raises(ServiceError, match="InvalidParameterValue"):
        publish(cloud, [new], SIMPLE | {"replace": True})
    (image,) = cloud.region(HOME).images.values()
    assert image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"] == old


def test_an_image_that_failed_is_registered_again(cloud):
    snapshot_id = cloud.snapshot()
    publish(cloud, [snapshot_id], SIMPLE)
    (failed,) = cloud.region(HOME).images.values()
    failed["State"] = "failed"
    done, _ = publish(cloud, [snapshot_id], SIMPLE)
    assert list(cloud.region(HOME).images) == [done.images[HOME]]
    assert done.images[HOME] != failed["ImageId"]


ENCRYPTED = {"encrypted": True, "key": KEY.format(HOME)}
REFUSED = [
    (
        {"share": {"accounts": ["222233334444"]}},
        {"encrypted": True, "key": "alias/aws/ebs"},
        f"in {HOME}, .*aws/ebs",
    ),
    (
        {"share": {"accounts": ["222233334444"]}, "regions": [{"region": FAR}]},
        ENCRYPTED,
        f"in {FAR}, .*aws/ebs",
    ),
    ({"regions": [{"region": HOME}]}, {}, "own Region"),
    ({"share": {"public": True}}, {}, f"blocks public images in {HOME}"),
]


@pytest.mark.parametrize(("wanted", "snapshot", "words"), REFUSED)
def test_what_would_be_refused_in_the_end_is_refused_first(cloud, wanted, snapshot, words):
    cloud.region(HOME).blocks_public_images = "block-new-sharing"
    with pytest.raises(ConfigError, match=words):
        publish(cloud, [cloud.snapshot(**snapshot)], SIMPLE | wanted)
    assert not cloud.region(HOME).images
    assert not cloud.region(FAR).snapshots


def test_blocks_of_zeros_that_are_not_there_are_not_encrypted(cloud):
    wanted = SIMPLE | {"regions": [{"region": FAR}]}
    cloud.region(FAR).encrypts = True
    with pytest.raises(ConfigError, match="zeros: write"):
        publish(cloud, [cloud.snapshot()], wanted, lacks_zeros=True)
    assert not cloud.region(FAR).snapshots


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([None], ["/dev/xvda"]),
        ([None, None, None], ["/dev/xvda", "/dev/sdf", "/dev/sdg"]),
        (["/dev/sda1", "/dev/sdf", None], ["/dev/sda1", "/dev/sdf", "/dev/sdg"]),
    ],
)
def test_devices_have_names_of_their_own(given, expected):
    disks = [ImageDiskSettings(volume="v", device=each) for each in given]
    assert device_names(disks) == expected


NOW = datetime(2026, 11, 29, tzinfo=UTC)
DAY_S = 86_400.0


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({"CreationDate": "2026-11-28T00:00:00.000Z"}, NOW + timedelta(days=1)),
        ({"CreationDate": "2026-01-01T00:00:00.000Z"}, NOW + timedelta(hours=1)),
        ({}, NOW + timedelta(days=2)),
        (
            {
                "CreationDate": "2026-11-28T00:00:10.000Z",
                "DeprecationTime": "2026-11-30T00:00:00.000Z",
            },
            None,
        ),
        (
            {
                "CreationDate": "2026-11-28T00:00:00.000Z",
                "DeprecationTime": "2028-11-28T00:00:00.000Z",
            },
            NOW + timedelta(days=1),
        ),
    ],
)
def test_an_image_is_deprecated_so_long_after_its_creation(image, expected):
    assert deprecation_to_set(image, 2 * DAY_S, NOW) == expected
