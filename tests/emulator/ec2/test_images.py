"""Images: found, used and deregistered, by boto3."""


def test_a_name_is_an_images_until_it_is_deregistered_and_once_in_each_region(account, refused):
    first = account.image(Name="web-1")
    assert refused(account.image, Name="web-1") == "InvalidAMIName.Duplicate"
    copy = account.other.copy_image(Name="web-1", SourceRegion="eu-central-1", SourceImageId=first)
    assert copy["ImageId"] != first
    account.ec2.deregister_image(ImageId=first)
    assert refused(account.ec2.describe_images, ImageIds=[first]) == "InvalidAMIID.NotFound"
    assert refused(account.ec2.deregister_image, ImageId=first) == "InvalidAMIID.NotFound"
    assert account.image(Name="web-1")


def test_images_are_found_by_what_they_are(account):
    mine = account.image(
        Name="db-7",
        Description="a database",
        TagSpecifications=[{"ResourceType": "image", "Tags": [{"Key": "family", "Value": "db"}]}],
    )
    (snapshot_id,) = account.disks(mine)
    for name, value in (
        *(("name", "db-?"), ("name", "*-7"), ("tag:family", "d*"), ("tag-key", "family")),
        *(("description", "a database"), ("image-id", mine)),
        ("block-device-mapping.snapshot-id", snapshot_id),
    ):
        filters = [{"Name": name, "Values": ["nothing", value]}, {"Name": "state", "Values": ["*"]}]
        found = account.ec2.describe_images(Filters=filters)["Images"]
        assert [each["ImageId"] for each in found] == [mine], name
    listed = [each["ImageId"] for each in account.ec2.describe_images(Owners=["self"])["Images"]]
    assert mine in listed
    assert account.ec2.describe_images(Owners=["amazon"])["Images"] == []
    pages = account.ec2.get_paginator("describe_images").paginate(PaginationConfig={"PageSize": 2})
    assert [each["ImageId"] for page in pages for each in page["Images"]] == listed
    assert (
        account.other.describe_images(Filters=[{"Name": "name", "Values": ["db-7"]}])["Images"]
        == []
    )


def test_a_snapshot_of_an_image_stays_until_that_is_deregistered_with_it(account, refused):
    snapshot_id = account.snapshot()
    first, second = account.image(snapshot_id), account.image(snapshot_id)
    assert refused(account.ec2.delete_snapshot, SnapshotId=snapshot_id) == "InvalidSnapshot.InUse"
    deregister = account.ec2.deregister_image
    results = deregister(ImageId=first, DeleteAssociatedSnapshots=True)["DeleteSnapshotResults"]
    assert results == [{"SnapshotId": snapshot_id, "ReturnCode": "skipped"}]
    results = deregister(ImageId=second, DeleteAssociatedSnapshots=True)["DeleteSnapshotResults"]
    assert results == [{"SnapshotId": snapshot_id, "ReturnCode": "success"}]
    assert refused(account.ec2.describe_snapshots, SnapshotIds=[snapshot_id]) == (
        "InvalidSnapshot.NotFound"
    )


def test_an_image_that_is_used_is_seen_in_instances_and_launch_templates(account, refused):
    image_id = account.image()
    ran = account.ec2.run_instances(ImageId=image_id, MinCount=1, MaxCount=2)["Instances"]
    filters = [{"Name": "image-id", "Values": [image_id]}]

    def instances():
        found = account.ec2.describe_instances(Filters=filters)["Reservations"]
        return [each["Instances"][0]["State"]["Name"] for each in found]

    assert instances() == ["running", "running"]
    account.ec2.terminate_instances(InstanceIds=[each["InstanceId"] for each in ran])
    assert instances() == ["terminated", "terminated"]
    account.clock.advance(3601)
    assert instances() == []
    create = account.ec2.create_launch_template
    template = create(LaunchTemplateName="t-1", LaunchTemplateData={"ImageId": image_id})
    name = template["LaunchTemplate"]["LaunchTemplateId"]
    assert refused(
        create, LaunchTemplateName="t-1", LaunchTemplateData={"InstanceType": "t3.nano"}
    ) == ("InvalidLaunchTemplateName.AlreadyExistsException")
    account.ec2.create_launch_template_version(
        LaunchTemplateId=name, LaunchTemplateData={"ImageId": "ami-00000000"}
    )
    versions = account.ec2.describe_launch_template_versions
    found = versions(LaunchTemplateId=name)["LaunchTemplateVersions"]
    assert [each["LaunchTemplateData"]["ImageId"] for each in found] == ["ami-00000000", image_id]
    found = versions(Versions=["$Default"])["LaunchTemplateVersions"]
    assert [each["LaunchTemplateData"]["ImageId"] for each in found] == [image_id]
    account.ec2.modify_launch_template(LaunchTemplateId=name, DefaultVersion="2")
    (shown,) = account.ec2.describe_launch_templates(LaunchTemplateNames=["t-1"])["LaunchTemplates"]
    assert (shown["DefaultVersionNumber"], shown["LatestVersionNumber"]) == (2, 2)
    both = versions(Versions=["$Latest", "$Default"])["LaunchTemplateVersions"]
    assert [each["VersionNumber"] for each in both] == [2]
    account.ec2.delete_launch_template(LaunchTemplateId=name)
    assert account.ec2.describe_launch_templates()["LaunchTemplates"] == []


def test_snapshots_that_are_locked_or_anothers_stay_when_their_image_goes(account):
    locked, given_away = account.snapshot(), account.snapshot()
    account.ec2.lock_snapshot(SnapshotId=locked, LockMode="governance", LockDuration=1)
    images = {each: account.image(each) for each in (locked, given_away)}
    account.give_away(given_away)
    for snapshot_id, code in ((locked, "skipped"), (given_away, "client-error")):
        wanted = {"ImageId": images[snapshot_id], "DeleteAssociatedSnapshots": True}
        (result,) = account.ec2.deregister_image(**wanted)["DeleteSnapshotResults"]
        assert result == {"SnapshotId": snapshot_id, "ReturnCode": code}
        assert account.described_snapshot(snapshot_id)


def test_every_filter_has_to_let_an_image_through(account):
    account.image(Name="both-1")
    for state, count in (("available", 1), ("failed", 0)):
        filters = [{"Name": "name", "Values": ["both-1"]}, {"Name": "state", "Values": [state]}]
        assert len(account.ec2.describe_images(Filters=filters)["Images"]) == count
