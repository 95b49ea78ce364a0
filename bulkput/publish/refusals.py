"""What EC2 would refuse in the end is refused beforehand, with its reason.

Owns the rules of keys and of the account's blocks on public sharing.
"""

from bulkput.config.images import ImageSettings
from bulkput.config.volume import VolumeSettings
from bulkput.model.errors import ConfigError, Problem
from bulkput.publish.account import Account, answer_or_none

_DEFAULT_ALIAS = "alias/aws/ebs"
"""The key that AWS manages; what is under it cannot be used by other accounts."""

_UNDER_IT = (
    "what is encrypted with the account's default key (aws/ebs) cannot be shared: name a "
    "customer managed key with `kms_key_arn`, and allow the other accounts to use it"
)


def require_other_regions(account: Account, image: ImageSettings) -> None:
    """Return if an image's further Regions are others than the job's own.

    Raises:
        ConfigError: one is not.
    """
    if any(each.region == account.region for each in image.regions):
        what = f"{account.region} is the job's own Region: expected others"
        raise ConfigError((Problem(f"image {image.name}: regions", what),))


def require_zones_of_region(account: Account, volume: VolumeSettings) -> None:
    """Return if every Availability Zone is one of the snapshot's own Region, as their names show.

    Raises:
        ConfigError: one is not.
    """
    made = volume.create_volume
    zones = [("fast_restore", each) for each in volume.fast_restore]
    if made is not None:
        zones.append(("create_volume.availability_zone", made.availability_zone))
    for key, zone in zones:
        if not zone.startswith(account.region):
            what = f"{zone} is not in {account.region}, where the snapshot is"
            raise ConfigError((Problem(f"{volume.label}: {key}", what),))


async def encrypts_by_default(account: Account, region: str) -> bool:
    """Return whether new snapshots and volumes of the Region are encrypted; False if unknown."""
    answer = await answer_or_none(account, "GetEbsEncryptionByDefault", {}, region=region)
    return bool(answer and answer.get("EbsEncryptionByDefault"))


async def is_default_key_managed(account: Account, region: str) -> bool:
    """Return whether the Region's default key is AWS's own; False if unknown."""
    answer = await answer_or_none(account, "GetEbsDefaultKmsKeyId", {}, region=region)
    key = str(answer.get("KmsKeyId") or "") if answer else ""
    return key.endswith(_DEFAULT_ALIAS)


async def require_shareable_key(
    account: Account, region: str, *, encrypted: bool | None, kms_key_arn: str | None, where: str
) -> None:
    """Return if what will be made can be shared.

    Args:
        account: The account.
        region: Where it will be.
        encrypted: Whether it is encrypted; None leaves it to the account's default.
        kms_key_arn: The key that is asked for.
        where: The key of the configuration that asks for sharing.

    Raises:
        ConfigError: it will be under the default key that AWS manages.
    """
    if kms_key_arn is not None or encrypted is False:
        return
    if not encrypted and not await encrypts_by_default(account, region):
        return
    if await is_default_key_managed(account, region):
        raise ConfigError((Problem(where, f"in {region}, {_UNDER_IT}"),))


async def require_shareable_snapshot(
    account: Account, region: str, kms_key_id: str | None, where: str
) -> None:
    """Return if a snapshot that exists can be shared; what KMS does not tell is left to EC2.

    Raises:
        ConfigError: it is under a key that AWS manages.
    """
    if not kms_key_id:
        return
    answer = await answer_or_none(
        account, "DescribeKey", {"KeyId": kms_key_id}, region=region, service="kms"
    )
    metadata = (answer or {}).get("KeyMetadata") or {}
    if metadata.get("KeyManager") == "AWS":
        raise ConfigError((Problem(where, f"in {region}, {_UNDER_IT}"),))


async def require_public_snapshots(account: Account, region: str, where: str) -> None:
    """Return if the account lets snapshots become public.

    Raises:
        ConfigError: it blocks that.
    """
    answer = await answer_or_none(account, "GetSnapshotBlockPublicAccessState", {}, region=region)
    _require_unblocked(str((answer or {}).get("State") or ""), region, where, "snapshots")


async def require_public_images(account: Account, region: str, where: str) -> None:
    """Return if the account lets images become public.

    Raises:
        ConfigError: it blocks that.
    """
    answer = await answer_or_none(account, "GetImageBlockPublicAccessState", {}, region=region)
    state = str((answer or {}).get("ImageBlockPublicAccessState") or "")
    _require_unblocked(state, region, where, "images")


def _require_unblocked(state: str, region: str, where: str, what: str) -> None:
    if state.startswith("block-"):
        text = (
            f"the account blocks public {what} in {region} ({state}): nothing was shared. Whoever "
            "may lift that block in EC2 has to"
        )
        raise ConfigError((Problem(where, text),))


async def require_no_encryption(
    account: Account, region: str, kms_key_arn: str | None, where: str
) -> None:
    """Return if a copy of a snapshot that lacks blocks of zeros will not be encrypted.

    Raises:
        ConfigError: it will.
    """
    if kms_key_arn or await encrypts_by_default(account, region):
        what = (
            f"the copy in {region} is encrypted, and the snapshot lacks blocks of zeros, which "
            "read as noise there: upload it again with `zeros: write`, or copy it with "
            f"bulkput copy --to-region {region}, which puts every block"
        )
        raise ConfigError((Problem(where, what),))
