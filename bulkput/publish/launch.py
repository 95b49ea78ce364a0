"""What an image has beside itself: who may launch it, when it is deprecated, its parameter."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from bulkput.config.images import ImageShareSettings
from bulkput.model.errors import ServiceError
from bulkput.model.failure import FailureClass
from bulkput.publish.account import Account
from bulkput.publish.described import moment_of
from bulkput.publish.share import Permission, missing

_TOLERANCE = timedelta(minutes=1)
"""EC2 rounds the time of a deprecation to the minute."""


def launch_permissions(share: ImageShareSettings) -> list[Permission]:
    """Return the permissions that are asked for, as EC2 writes them."""
    return [
        *({"UserId": account} for account in share.accounts),
        *({"OrganizationArn": arn} for arn in share.organizations),
        *({"OrganizationalUnitArn": arn} for arn in share.organizational_units),
        *([{"Group": "all"}] if share.public else []),
    ]


async def ensure_launchable(
    account: Account, image_id: str, share: ImageShareSettings, region: str
) -> None:
    """Let everybody who is named launch the image; nobody is taken away.

    Raises:
        BulkputError: EC2 refuses.
    """

    async def attempt() -> None:
        asked = {"ImageId": image_id, "Attribute": "launchPermission"}
        answer = await account.call("DescribeImageAttribute", asked, region=region)
        lacking = missing(launch_permissions(share), answer.get("LaunchPermissions") or ())
        if lacking:
            added = {"ImageId": image_id, "LaunchPermission": {"Add": lacking}}
            await account.call("ModifyImageAttribute", added, region=region)

    await account.repeat(attempt)


def deprecation_to_set(image: Mapping[str, Any], after_s: float, now: datetime) -> datetime | None:
    """Return when the image is to be deprecated; None if EC2 has that time already."""
    created = moment_of(image.get("CreationDate")) or now
    wanted = max(created + timedelta(seconds=after_s), now + timedelta(hours=1))
    found = moment_of(image.get("DeprecationTime"))
    if found is not None and abs(found - wanted) <= _TOLERANCE:
        return None
    return wanted.replace(microsecond=0)


async def ensure_deprecation(
    account: Account, image: Mapping[str, Any], after_s: float, region: str
) -> None:
    """Have the image deprecated so long after its creation.

    Raises:
        BulkputError: EC2 refuses.
    """
    now = datetime.fromtimestamp(account.clock.unix_s(), UTC)
    at = deprecation_to_set(image, after_s, now)
    if at is not None:
        asked = {"ImageId": image["ImageId"], "DeprecateAt": at}
        await account.repeat(partial(account.call, "EnableImageDeprecation", asked, region=region))


async def ensure_parameter(account: Account, name: str, image_id: str, region: str) -> None:
    """Let the parameter hold the image's id.

    Raises:
        BulkputError: Systems Manager refuses.
    """

    async def attempt() -> None:
        if await _value(account, name, region) == image_id:
            return
        wanted = {
            "Name": name,
            "Value": image_id,
            "Type": "String",
            "DataType": "aws:ec2:image",
            "Overwrite": True,
        }
        await account.call("PutParameter", wanted, region=region, service="ssm")

    await account.repeat(attempt)


async def _value(account: Account, name: str, region: str) -> str | None:
    try:
        answer = await account.call("GetParameter", {"Name": name}, region=region, service="ssm")
    except ServiceError as error:
        if error.failure is not FailureClass.GONE:
            raise
        return None
    return (answer.get("Parameter") or {}).get("Value")
