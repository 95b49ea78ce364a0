"""What is set for a Region: encryption by default, by boto3."""

from emulator.ec2.conftest import ACCOUNT


def test_encryption_by_default_holds_for_all_that_is_made_in_its_region(account):
    ec2 = account.server.client("ec2", region_name="eu-west-1")
    ec2.enable_ebs_encryption_by_default()
    assert ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"]
    assert ec2.get_ebs_default_kms_key_id()["KmsKeyId"] == "alias/aws/ebs"
    key = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/default"
    assert ec2.modify_ebs_default_kms_key_id(KmsKeyId=key)["KmsKeyId"] == key
    volume = ec2.create_volume(AvailabilityZone="eu-west-1a", Size=1)
    assert (volume["Encrypted"], volume["KmsKeyId"]) == (True, key)
    ebs = account.server.client("ebs", region_name="eu-west-1")
    assert ebs.start_snapshot(VolumeSize=1)["KmsKeyArn"] == key
    source = account.snapshot()
    copy_id = ec2.copy_snapshot(SourceRegion="eu-central-1", SourceSnapshotId=source)["SnapshotId"]
    assert account.described_snapshot(copy_id, ec2)["KmsKeyId"] == key
    ec2.reset_ebs_default_kms_key_id()
    ec2.disable_ebs_encryption_by_default()
    assert not ec2.create_volume(AvailabilityZone="eu-west-1a", Size=1)["Encrypted"]
