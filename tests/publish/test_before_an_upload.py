"""What later steps need is known before the first block is sent."""

import pytest
from publish.fake_account import HOME, KEY, Cloud, FakeAccount, run

from bulkput.config.volume import VolumeSettings
from bulkput.model.errors import ConfigError
from bulkput.model.zeros import ZeroPolicy
from bulkput.publish.before_upload import prepared_volume

SHARED = {"source": "a", "share": {"accounts": ["222233334444"]}}
FAR = {"source": "a", "regions": [{"region": "us-west-2"}]}


def prepare(wanted, change=lambda cloud: None):
    cloud = Cloud()
    change(cloud)

    async def work():
        return await prepared_volume(FakeAccount(cloud), VolumeSettings.model_validate(wanted))

    return run(work)


def encrypts(region, key="alias/aws/ebs"):
    def change(cloud):
        cloud.region(region).encrypts = True
        cloud.region(region).default_key = key

    return change


@pytest.mark.parametrize(
    ("wanted", "change", "refused"),
    [
        (SHARED, lambda cloud: None, None),
        (SHARED | {"snapshot": {"encrypted": True}}, lambda cloud: None, "aws/ebs"),
        (SHARED | {"snapshot": {"kms_key_arn": KEY.format(HOME)}}, lambda cloud: None, None),
        (SHARED | {"snapshot": {"encrypted": False}}, encrypts(HOME), None),
        (SHARED, encrypts(HOME), "aws/ebs"),
        (SHARED, encrypts(HOME, KEY.format(HOME)), None),
        (SHARED | {"series": "nightly"}, encrypts(HOME), None),
        (FAR | {"zeros": "skip"}, encrypts("us-west-2"), "encrypts copies by default"),
        (FAR | {"zeros": "skip"}, encrypts("eu-west-1"), None),
    ],
)
def test_a_step_that_would_be_refused_is_refused_now(wanted, change, refused):
    if refused is None:
        prepare(wanted, change)
    else:
        with pytest.raises(ConfigError, match=refused):
            prepare(wanted, change)


def test_every_block_is_put_where_a_copy_will_be_encrypted():
    assert prepare(FAR).zeros is ZeroPolicy.AUTO
    assert prepare(FAR, encrypts("us-west-2")).zeros is ZeroPolicy.WRITE
    assert prepare(FAR, encrypts("us-west-2")).label == VolumeSettings.model_validate(FAR).label


def test_what_all_volumes_ask_of_the_account_is_asked_once():
    cloud = Cloud()
    cloud.region("us-west-2").encrypts = True
    wanted = VolumeSettings.model_validate(SHARED | FAR)

    async def work():
        account = FakeAccount(cloud)
        return [await prepared_volume(account, wanted) for _ in range(3)]

    assert [each.zeros for each in run(work)] == [ZeroPolicy.WRITE] * 3
    assert sorted(cloud.log) == [
        ("GetEbsEncryptionByDefault", HOME),
        ("GetEbsEncryptionByDefault", "us-west-2"),
    ]


def test_a_zone_of_another_region_is_refused():
    with pytest.raises(ConfigError, match=f"fast_restore: us-west-2a is not in {HOME}"):
        prepare({"source": "a", "fast_restore": ["us-west-2a"]})
    prepare({"source": "a", "fast_restore": [f"{HOME}a", f"{HOME}-ham-1a"]})
