"""What is known of an image before the first block is sent: its name, its users, its Regions."""

import pytest
from publish.fake_account import HOME, Cloud, FakeAccount, run
from publish.test_steps_of_an_image import publish

from bulkput.config.images import ImageSettings
from bulkput.config.volume import VolumeSettings
from bulkput.jobs.images.disk_facts import uefi_data_of
from bulkput.model.errors import ConfigError
from bulkput.model.zeros import ZeroPolicy
from bulkput.publish.image_before_upload import prepared_for_image

SHARED = {"share": {"accounts": ["222233334444"]}}


def prepare(cloud, *, known=(), of_snapshot=None, **keys):
    image = ImageSettings.model_validate({"name": "web", **keys})
    volume = VolumeSettings.model_validate(
        {"name": "root", "source": "a", "snapshot": of_snapshot or {}}
    )

    async def work():
        return await prepared_for_image(FakeAccount(cloud), image, [volume], known)

    return run(work)["root"]


def test_a_name_that_is_taken_is_refused_unless_the_image_is_the_jobs_own():
    cloud = Cloud()
    snapshot_id = cloud.snapshot()
    prepare(cloud)
    publish(cloud, [snapshot_id], {"name": "web"})
    with pytest.raises(ConfigError, match="has this name already"):
        prepare(cloud)
    prepare(cloud, known=[snapshot_id])
    prepare(cloud, replace=True)
    prepare(cloud, known=None)


def test_the_jobs_own_region_is_no_further_one():
    with pytest.raises(ConfigError, match=f"{HOME} is the job's own Region"):
        prepare(Cloud(), regions=[{"region": HOME}])


def test_what_cannot_be_shared_is_refused():
    cloud = Cloud()
    prepare(cloud, **SHARED)
    with pytest.raises(ConfigError, match="aws/ebs"):
        prepare(cloud, of_snapshot={"encrypted": True}, **SHARED)
    cloud.region(HOME).blocks_public_images = "block-new-sharing"
    with pytest.raises(ConfigError, match="blocks public images"):
        prepare(cloud, share={"public": True})


def test_every_block_is_put_where_an_image_of_another_region_is_encrypted():
    cloud = Cloud()
    regions = [{"region": "us-west-2"}]
    assert prepare(cloud, regions=regions).zeros is ZeroPolicy.AUTO
    cloud.region("us-west-2").encrypts = True
    assert prepare(cloud, regions=regions).zeros is ZeroPolicy.WRITE


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"QU1a\nVUVG\n", "QU1aVUVG"),
        (b"A" * 64_000, "A" * 64_000),
        (b"A" * 64_001, "1 to 64,000 characters"),
        (b" \n", "1 to 64,000 characters"),
        (b"\xff\xfe", "cannot be read as text"),
    ],
)
def test_variables_of_uefi_are_base64_of_a_length_that_ec2_takes(tmp_path, content, expected):
    path = tmp_path / "uefi"
    path.write_bytes(content)
    image = ImageSettings.model_validate({"name": "web", "uefi_data": str(path)})
    if expected.isalnum():
        assert uefi_data_of(image) == expected
    else:
        with pytest.raises(ConfigError, match=expected):
            uefi_data_of(image)
