"""KMS's DescribeKey and ListAliases: AWS's own key for EBS; any other is a customer's.

Encrypts nothing.
"""

from bulkput.emulator.ec2.call import Ec2Call, Fields
from bulkput.emulator.ec2.snapshot_copies import is_usable_key, key_arn
from bulkput.emulator.json_calls.errors import JsonError
from bulkput.emulator.options import OWNER_ID


def describe_key(call: Ec2Call) -> Fields:
    """Show a key of the Region."""
    name = call.given("KeyId")
    arn = key_arn(call, name)
    if not is_usable_key(arn, call.region):
        raise JsonError("NotFoundException", f"Key '{name}' does not exist")
    is_aws = arn == call.account.aws_key_arn(call.region)
    return {
        "KeyMetadata": {
            "AWSAccountId": OWNER_ID,
            "KeyId": arn.rpartition("/")[2],
            "Arn": arn,
            "CreationDate": 0.0,
            "Enabled": True,
            "Description": "",
            "KeyUsage": "ENCRYPT_DECRYPT",
            "KeyState": "Enabled",
            "Origin": "AWS_KMS",
            "KeyManager": "AWS" if is_aws else "CUSTOMER",
            "KeySpec": "SYMMETRIC_DEFAULT",
            "MultiRegion": False,
        }
    }


def list_aliases(call: Ec2Call) -> Fields:
    """List the one alias that every account has."""
    return {
        "Aliases": [
            {
                "AliasName": "alias/aws/ebs",
                "AliasArn": f"arn:aws:kms:{call.region}:{OWNER_ID}:alias/aws/ebs",
                "TargetKeyId": call.account.aws_key_arn(call.region).rpartition("/")[2],
            }
        ],
        "Truncated": False,
    }
