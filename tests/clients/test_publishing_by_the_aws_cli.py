"""What becomes of a snapshot, by the AWS CLI: its own parser reads the answers."""

import json
import os
import sys

import clients.aws_cli
import pytest
from clients.command import run
from support.whole import ENVIRONMENT

pytestmark = [pytest.mark.clients, pytest.mark.timeout(3600)]

SEQUENCE = """
import contextlib, io, json, time
from awscli.clidriver import create_clidriver

driver = create_clidriver()

def aws(*words, region="us-east-1"):
    out = io.TextIOWrapper(io.BytesIO(), "utf-8")
    with contextlib.redirect_stdout(out):
        status = driver.main([*map(str, words), "--region", region, "--output", "json"])
    out.flush()
    assert status == 0, words
    return json.loads(out.buffer.getvalue() or b"{}")

done = {}
snapshot = aws("ebs", "start-snapshot", "--volume-size", 1)["SnapshotId"]
aws("ebs", "complete-snapshot", "--snapshot-id", snapshot, "--changed-blocks-count", 0)
aws("ec2", "wait", "snapshot-completed", "--snapshot-ids", snapshot)
disk = [{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot, "VolumeType": "gp3"}}]
image = aws("ec2", "register-image", "--name", "web-1", "--architecture", "x86_64",
            "--virtualization-type", "hvm", "--root-device-name", "/dev/xvda", "--boot-mode",
            "uefi", "--ena-support", "--imds-support", "v2.0", "--tpm-support", "v2.0",
            "--block-device-mappings", json.dumps(disk), "--tag-specifications",
            "ResourceType=image,Tags=[{Key=k,Value=v}]")["ImageId"]
aws("ec2", "wait", "image-available", "--image-ids", image)
(done["image"],) = aws("ec2", "describe-images", "--image-ids", image)["Images"]
aws("ec2", "modify-image-attribute", "--image-id", image, "--launch-permission",
    "Add=[{UserId=123456789012}]")
done["share"] = aws("ec2", "describe-image-attribute", "--image-id", image, "--attribute",
                    "launchPermission")["LaunchPermissions"]
aws("ec2", "enable-image-deprecation", "--image-id", image, "--deprecate-at",
    "2035-01-01T00:00:00Z")
other = "eu-west-1"
copy = aws("ec2", "copy-image", "--source-region", "us-east-1", "--source-image-id", image,
           "--name", "web-1", "--encrypted", region=other)["ImageId"]
aws("ec2", "wait", "image-available", "--image-ids", copy, region=other)
(done["copy"],) = aws("ec2", "describe-images", "--image-ids", copy, region=other)["Images"]
copied = aws("ec2", "copy-snapshot", "--source-region", "us-east-1", "--source-snapshot-id",
             snapshot, region=other)["SnapshotId"]
aws("ec2", "wait", "snapshot-completed", "--snapshot-ids", copied, region=other)
volume = aws("ec2", "create-volume", "--availability-zone", "us-east-1a", "--snapshot-id",
             snapshot, "--volume-type", "gp3")["VolumeId"]
aws("ec2", "wait", "volume-available", "--volume-ids", volume)
aws("ec2", "delete-volume", "--volume-id", volume)
done["lock"] = aws("ec2", "lock-snapshot", "--snapshot-id", snapshot, "--lock-mode", "governance",
                   "--lock-duration", 2)["LockState"]
aws("ec2", "unlock-snapshot", "--snapshot-id", snapshot)
fast = aws("ec2", "enable-fast-snapshot-restores", "--availability-zones", "us-east-1a",
           "--source-snapshot-ids", snapshot)
done["fast"] = fast["Successful"][0]["State"]
aws("ssm", "put-parameter", "--name", "/image", "--value", image, "--type", "String",
    "--data-type", "aws:ec2:image")
done["parameter"] = aws("ssm", "get-parameter", "--name", "/image")["Parameter"]["Value"] == image
done["key"] = aws("kms", "describe-key", "--key-id", "alias/aws/ebs")["KeyMetadata"]["KeyManager"]
aws("ec2", "create-tags", "--resources", snapshot, image, "--tags", "Key=a,Value=b")
done["pages"] = len(aws("ec2", "describe-tags", "--page-size", 5)["Tags"])
done["gone"] = aws("ec2", "deregister-image", "--image-id", image,
                   "--delete-associated-snapshots")["DeleteSnapshotResults"][0]["ReturnCode"]
print(json.dumps(done))
"""


def test_every_call_by_the_aws_cli(server, tmp_path_factory):
    client = clients.aws_cli.install(tmp_path_factory.mktemp("aws-cli"))
    environment = ENVIRONMENT | {
        "HOME": os.environ.get("HOME", "/"),
        "AWS_ENDPOINT_URL": server.url,
    }
    done = json.loads(run([client.command[0], "-c", SEQUENCE], env=environment))
    sys.stdout.write(f"\n{client.version}\n")
    image, copy = done["image"], done["copy"]
    assert (image["State"], image["BootMode"], image["TpmSupport"]) == ("available", "uefi", "v2.0")
    assert image["Tags"] == [{"Key": "k", "Value": "v"}]
    assert copy["BlockDeviceMappings"][0]["Ebs"]["Encrypted"]
    del done["image"], done["copy"]
    assert done == {
        "share": [{"UserId": "123456789012"}],
        "lock": "governance",
        "fast": "enabling",
        "parameter": True,
        "key": "AWS",
        "pages": 3,
        "gone": "success",
    }
