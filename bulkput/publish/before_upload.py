"""What can be said of later steps before the first block is sent: refusals, and all blocks.

An hour of upload that ends in a refusal is an hour lost; a snapshot whose blocks of zeros were left
out, and of which an encrypted copy is made, is data lost.
"""

from collections.abc import Iterable, Sequence

from bulkput.config.after_upload import with_all_blocks
from bulkput.config.publishing import RegionCopySettings
from bulkput.config.volume import VolumeSettings
from bulkput.model.errors import ConfigError, Problem
from bulkput.model.zeros import ZeroPolicy
from bulkput.publish.account import Account
from bulkput.publish.refusals import (
    encrypts_by_default,
    require_public_snapshots,
    require_shareable_key,
    require_zones_of_region,
)


async def prepared_volume(account: Account, volume: VolumeSettings) -> VolumeSettings:
    """Return the volume as it has to be uploaded for what becomes of its snapshot.

    Raises:
        ConfigError: a later step would be refused.
        BulkputError: there is no answer.
    """
    require_zones_of_region(account, volume)
    if volume.share.is_wanted:
        await require_shareable_volume(account, volume, f"{volume.label}: share")
    if volume.share.public:
        await require_public_snapshots(account, account.region, f"{volume.label}: share.public")
    return await with_blocks_for(account, volume, volume.regions)


async def require_shareable_volume(account: Account, volume: VolumeSettings, where: str) -> None:
    """Return if the volume's snapshot can be shared, as far as its settings show.

    Raises:
        ConfigError: it will be under the default key that AWS manages.
    """
    snapshot = volume.snapshot
    if snapshot.parent is None and volume.series is None:  # a child is encrypted as its parent
        await require_shareable_key(
            account,
            account.region,
            encrypted=snapshot.encrypted,
            kms_key_arn=snapshot.kms_key_arn,
            where=where,
        )


async def with_blocks_for(
    account: Account, volume: VolumeSettings, regions: Sequence[RegionCopySettings]
) -> VolumeSettings:
    """Return the volume with all its blocks if one of ``regions`` encrypts copies by itself.

    Raises:
        ConfigError: it does, and blocks are to be left out.
    """
    if volume.zeros is ZeroPolicy.WRITE or volume.snapshot.asks_for_encryption:
        return volume
    encrypting = await encrypting_regions(account, (each.region for each in regions))
    if not encrypting:
        return volume
    if volume.zeros is not ZeroPolicy.AUTO:
        what = (
            f"expected auto or write: {encrypting[0]} encrypts copies by default, and blocks that "
            "were left out read as noise there"
        )
        raise ConfigError((Problem(f"{volume.label}: zeros", what),))
    account.note(f"every block of {volume.label} is put: {encrypting[0]} encrypts copies")
    return with_all_blocks(volume)


async def encrypting_regions(account: Account, regions: Iterable[str]) -> list[str]:
    """Return those of ``regions`` that encrypt what is made there by default."""
    return [each for each in regions if await encrypts_by_default(account, each)]
