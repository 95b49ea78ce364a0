"""Systems Manager's parameters, KMS's keys, Regions and zones, by boto3."""

import pytest
from emulator.ec2.conftest import ACCOUNT, OTHER


def test_a_parameter_is_set_overwritten_and_deleted(account, refused):
    ssm = account.ssm
    assert ssm.put_parameter(Name="/a/b", Value="1", Type="String")["Version"] == 1
    again = {"Name": "/a/b", "Value": "2"}
    assert refused(ssm.put_parameter, **again) == "ParameterAlreadyExists"
    assert ssm.put_parameter(**again, Overwrite=True)["Version"] == 2
    found = ssm.get_parameter(Name="/a/b")["Parameter"]
    assert (found["Value"], found["Type"], found["DataType"]) == ("2", "String", "text")
    assert found["ARN"] == f"arn:aws:ssm:eu-central-1:{ACCOUNT}:parameter/a/b"
    assert ssm.get_parameter(Name=found["ARN"])["Parameter"] == found
    ssm.put_parameter(Name="/a/c/d", Value="3", Type="String", Tags=[{"Key": "k", "Value": "v"}])
    tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId="/a/c/d")["TagList"]
    assert tags == [{"Key": "k", "Value": "v"}]
    ssm.put_parameter(Name="/a/c/d", Value="3", Overwrite=True)
    assert ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId="/a/c/d")["TagList"] == (
        tags
    )
    many = [f"/{number}" for number in range(11)]
    assert refused(ssm.get_parameters, Names=many) == "ValidationException"
    several = ssm.get_parameters(Names=["/a/c/d", "/none", "/a/b"])
    assert [each["Value"] for each in several["Parameters"]] == ["3", "2"]
    assert several["InvalidParameters"] == ["/none"]
    below = ssm.get_parameters_by_path(Path="/a")["Parameters"]
    assert [each["Name"] for each in below] == ["/a/b"]
    assert len(ssm.get_parameters_by_path(Path="/a", Recursive=True)["Parameters"]) == 2
    there = account.server.client("ssm", region_name=OTHER)
    assert refused(there.get_parameter, Name="/a/b") == "ParameterNotFound"
    ssm.delete_parameter(Name="/a/b")
    assert refused(ssm.delete_parameter, Name="/a/b") == "ParameterNotFound"
    assert ssm.delete_parameters(Names=["/a/c/d"])["DeletedParameters"] == ["/a/c/d"]


def test_an_images_id_is_only_set_if_there_is_the_image(account, refused):
    wanted = {"Name": "/image", "Type": "String", "DataType": "aws:ec2:image"}
    put = account.ssm.put_parameter
    assert put(**wanted, Value="ami-0123456789abcdef0")["Version"] == 1
    assert refused(account.ssm.get_parameter, Name="/image") == "ParameterNotFound"
    image_id = account.image()
    assert put(**wanted, Value=image_id)["Version"] == 1
    assert put(**wanted, Value="ami-0123456789abcdef0", Overwrite=True)["Version"] == 2
    assert account.ssm.get_parameter(Name="/image")["Parameter"]["Value"] == image_id
    assert refused(put, **wanted, Value="web", Overwrite=True) == "ValidationException"


@pytest.mark.parametrize(
    "fields",
    [
        {"Name": "aws-x"},
        {"Name": "/ssm/x"},
        {"Name": "a b"},
        {"Name": "/".join("x" * 17)},
        {"Type": None},
        {"DataType": "aws:ec2:volume"},
        {"Value": "x" * 4097},
        {"Overwrite": True, "Tags": [{"Key": "k", "Value": "v"}]},
    ],
)
def test_parameters_that_cannot_be(account, refused, fields):
    wanted = {"Name": "/x", "Value": "x", "Type": "String"} | fields
    sent = {name: value for name, value in wanted.items() if value is not None}
    assert refused(account.ssm.put_parameter, **sent) == "ValidationException"


def test_calls_that_are_not_emulated_say_so(account, refused):
    assert refused(account.ssm.describe_parameters) == "UnknownOperationException"
    assert refused(account.kms.create_key) == "UnknownOperationException"
    assert refused(account.ec2.describe_vpcs) == "InvalidAction"


def test_keys_are_awss_or_the_customers(account, refused):
    def manager(key):
        return account.kms.describe_key(KeyId=key)["KeyMetadata"]["KeyManager"]

    (alias,) = account.kms.list_aliases()["Aliases"]
    assert alias["AliasName"] == "alias/aws/ebs"
    assert manager("alias/aws/ebs") == manager(alias["TargetKeyId"]) == "AWS"
    own = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/own"
    assert manager(own) == manager("own") == "CUSTOMER"
    elsewhere = f"arn:aws:kms:{OTHER}:{ACCOUNT}:key/own"
    assert refused(account.kms.describe_key, KeyId=elsewhere) == "NotFoundException"


def test_regions_and_their_zones(account, refused):
    names = [each["RegionName"] for each in account.ec2.describe_regions()["Regions"]]
    assert {"us-east-1", "eu-central-1", OTHER} <= set(names)
    (found,) = account.ec2.describe_regions(RegionNames=[OTHER])["Regions"]
    assert found["OptInStatus"] == "opt-in-not-required"
    assert refused(account.ec2.describe_regions, RegionNames=["x"]) == "InvalidParameterValue"
    zones = account.ec2.describe_availability_zones()["AvailabilityZones"]
    assert [each["ZoneName"][-1] for each in zones] == ["a", "b", "c"]
    assert [each["ZoneId"] for each in zones] == ["euc1-az1", "euc1-az2", "euc1-az3"]
    ids = {}
    for region in ("us-east-1", "ap-southeast-2", "ap-northeast-1", "ca-central-1"):
        ec2 = account.server.client("ec2", region_name=region)
        ids[region] = ec2.describe_availability_zones()["AvailabilityZones"][0]["ZoneId"]
    assert list(ids.values()) == ["use1-az1", "apse2-az1", "apne1-az1", "cac1-az1"]
