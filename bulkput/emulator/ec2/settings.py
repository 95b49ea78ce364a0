"""What an account sets for a Region: public access, encryption by default, and its key."""

import dataclasses
from typing import Any

from bulkput.emulator.ec2.call import Ec2Call, Fields
from bulkput.emulator.ec2.snapshot_copies import key_arn


def get_image_block_public_access_state(call: Ec2Call) -> Fields:
    """Show whether images can be made public."""
    state = call.account.resources.settings_of(call.region).image_block
    return {"ImageBlockPublicAccessState": state, "ManagedBy": "account"}


def enable_image_block_public_access(call: Ec2Call) -> Fields:
    """Let no image be made public."""
    state = call.given("ImageBlockPublicAccessState")
    _set(call, image_block=state)
    return {"ImageBlockPublicAccessState": state}


def disable_image_block_public_access(call: Ec2Call) -> Fields:
    """Let images be made public."""
    _set(call, image_block="unblocked")
    return {"ImageBlockPublicAccessState": "unblocked"}


def get_snapshot_block_public_access_state(call: Ec2Call) -> Fields:
    """Show whether snapshots can be made public."""
    state = call.account.resources.settings_of(call.region).snapshot_block
    return {"State": state, "ManagedBy": "account"}


def enable_snapshot_block_public_access(call: Ec2Call) -> Fields:
    """Let no snapshot be made public."""
    state = call.given("State")
    _set(call, snapshot_block=state)
    return {"State": state}


def disable_snapshot_block_public_access(call: Ec2Call) -> Fields:
    """Let snapshots be made public."""
    _set(call, snapshot_block="unblocked")
    return {"State": "unblocked"}


def get_ebs_encryption_by_default(call: Ec2Call) -> Fields:
    """Show whether what is made is encrypted."""
    is_on = call.account.encrypts_by_default(call.region)
    return {"EbsEncryptionByDefault": is_on, "SseType": "sse-kms" if is_on else "none"}


def enable_ebs_encryption_by_default(call: Ec2Call) -> Fields:
    """Encrypt what is made."""
    _set(call, encryption_by_default=True)
    return {"EbsEncryptionByDefault": True}


def disable_ebs_encryption_by_default(call: Ec2Call) -> Fields:
    """Encrypt only what is asked for."""
    _set(call, encryption_by_default=False)
    return {"EbsEncryptionByDefault": False}


def get_ebs_default_kms_key_id(call: Ec2Call) -> Fields:
    """Show the key for what is encrypted without one being named."""
    return {"KmsKeyId": _shown_key(call)}


def modify_ebs_default_kms_key_id(call: Ec2Call) -> Fields:
    """Set that key."""
    _set(call, default_key=key_arn(call, call.given("KmsKeyId")))
    return {"KmsKeyId": _shown_key(call)}


def reset_ebs_default_kms_key_id(call: Ec2Call) -> Fields:
    """Take the key that AWS manages again."""
    _set(call, default_key=None)
    return {"KmsKeyId": _shown_key(call)}


def _shown_key(call: Ec2Call) -> str:
    own = call.account.resources.settings_of(call.region).default_key
    return own or "alias/aws/ebs"


def _set(call: Ec2Call, **changes: Any) -> None:
    shelf = call.account.resources.settings
    shelf.put(dataclasses.replace(call.account.resources.settings_of(call.region), **changes))
