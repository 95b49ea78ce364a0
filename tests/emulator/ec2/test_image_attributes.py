"""Launch permissions, description, IMDS and deprecation of images, by boto3."""

import datetime as dt

from emulator.ec2.conftest import ACCOUNT, FRIEND

ORGANIZATION = f"arn:aws:organizations::{FRIEND}:organization/o-abcdefghij"
UNIT = f"arn:aws:organizations::{FRIEND}:ou/o-abcdefghij/ou-abcd-abcdefgh"


def test_launch_permissions_of_every_kind(account, refused):
    image_id = account.image()
    everybody = [
        *({"UserId": FRIEND}, {"Group": "all"}, {"OrganizationArn": ORGANIZATION}),
        {"OrganizationalUnitArn": UNIT},
    ]
    modify = account.ec2.modify_image_attribute
    modify(ImageId=image_id, LaunchPermission={"Add": everybody})
    modify(ImageId=image_id, LaunchPermission={"Add": everybody[:1]})

    def shown():
        return account.ec2.describe_image_attribute(ImageId=image_id, Attribute="launchPermission")[
            "LaunchPermissions"
        ]

    assert shown() == everybody
    assert account.described(image_id)["Public"]
    users = account.ec2.describe_images(ExecutableUsers=[FRIEND])["Images"]
    assert image_id in [each["ImageId"] for each in users]
    modify(
        ImageId=image_id,
        Attribute="launchPermission",
        OperationType="remove",
        UserIds=[FRIEND],
        UserGroups=["all"],
    )
    assert shown() == everybody[2:]
    account.ec2.reset_image_attribute(ImageId=image_id, Attribute="launchPermission")
    assert shown() == []
    for item, code in (
        ({"UserId": "12"}, "InvalidUserID.Malformed"),
        ({"Group": "some"}, "InvalidParameterValue"),
        ({"OrganizationArn": "arn:aws:iam::1:root"}, "InvalidParameterValue"),
        ({"OrganizationalUnitArn": ORGANIZATION}, "InvalidParameterValue"),
    ):
        change = {"Add": [item]}
        assert refused(modify, ImageId=image_id, LaunchPermission=change) == code


def test_what_is_under_awss_own_key_is_not_shared_and_what_is_encrypted_not_publicly(
    account, refused
):
    modify = account.ec2.modify_image_attribute
    aws, own = (
        account.snapshot(Encrypted=True),
        account.snapshot(KmsKeyArn=f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/own"),
    )
    friend, public = {"Add": [{"UserId": FRIEND}]}, {"Add": [{"Group": "all"}]}
    under_aws, under_own = account.image(aws), account.image(own)
    assert refused(modify, ImageId=under_aws, LaunchPermission=friend) == "InvalidParameter"
    assert refused(modify, ImageId=under_own, LaunchPermission=public) == "InvalidParameter"
    modify(ImageId=under_own, LaunchPermission=friend)


def test_public_images_can_be_blocked(account, refused):
    image_id = account.image()
    public = {"ImageId": image_id, "LaunchPermission": {"Add": [{"Group": "all"}]}}
    account.ec2.enable_image_block_public_access(ImageBlockPublicAccessState="block-new-sharing")
    state = account.ec2.get_image_block_public_access_state()["ImageBlockPublicAccessState"]
    assert state == "block-new-sharing"
    assert refused(account.ec2.modify_image_attribute, **public) == "OperationNotPermitted"
    account.ec2.disable_image_block_public_access()
    account.ec2.modify_image_attribute(**public)


def test_description_and_imds_change_and_are_one_at_a_time(account, refused):
    image_id = account.image()
    modify = account.ec2.modify_image_attribute
    modify(ImageId=image_id, Description={"Value": "new"})
    modify(ImageId=image_id, ImdsSupport={"Value": "v2.0"})
    modify(ImageId=image_id, Attribute="description", Value="newer")
    found = account.described(image_id)
    assert (found["Description"], found["ImdsSupport"]) == ("newer", "v2.0")
    assert refused(modify, ImageId=image_id) == "MissingParameter"
    both = {"Description": {"Value": "x"}, "ImdsSupport": {"Value": "v2.0"}}
    assert refused(modify, ImageId=image_id, **both) == "InvalidParameterCombination"


def test_deprecation_is_to_the_minute_and_can_be_taken_back(account, refused):
    image_id = account.image()
    enable = account.ec2.enable_image_deprecation
    now = dt.datetime.fromtimestamp(account.clock.unix_s(), dt.UTC)
    wanted = (now + dt.timedelta(days=30)).replace(second=29, microsecond=0)
    assert enable(ImageId=image_id, DeprecateAt=wanted)["Return"]
    expected = wanted.replace(second=0).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert account.described(image_id)["DeprecationTime"] == expected
    account.ec2.disable_image_deprecation(ImageId=image_id)
    assert "DeprecationTime" not in account.described(image_id)
    for days in (-1, 4000):
        at = now + dt.timedelta(days=days)
        assert refused(enable, ImageId=image_id, DeprecateAt=at) == "InvalidParameterValue"
