"""All that a job asks for of one image, in every Region, in an order that a crash cannot spoil.

Copies of snapshots take longest and are begun first. A parameter that others launch by is set when
the image is available and shared everywhere, and older images go last.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bulkput.config.images import ImageDiskSettings, ImageSettings
from bulkput.publish.account import Account
from bulkput.publish.boot import Boot
from bulkput.publish.copies import WantedCopy, describe_source, ensure_copy, wait_for_copy
from bulkput.publish.image import RegionalImage, ensure_image, wait_for_image
from bulkput.publish.launch import ensure_deprecation, ensure_launchable, ensure_parameter
from bulkput.publish.prune import prune_family
from bulkput.publish.refusals import (
    require_no_encryption,
    require_other_regions,
    require_public_images,
    require_shareable_key,
    require_shareable_snapshot,
)
from bulkput.publish.tags import FAMILY_TAG


@dataclass(frozen=True)
class WantedImage:
    """An image, and what it is made of."""

    settings: ImageSettings
    boot: Boot
    disks: tuple[tuple[ImageDiskSettings, str], ...]
    """With the snapshot of each in the job's own Region."""
    lacks_zeros: bool = False
    """Blocks of zeros were left out of one of the snapshots."""
    uefi_data: str | None = None

    @property
    def snapshot_ids(self) -> tuple[str, ...]:
        """In the job's own Region."""
        return tuple(each for _, each in self.disks)

    def in_region(self, region: str, snapshot_ids: tuple[str, ...]) -> RegionalImage:
        """Return the image of a Region, over its own snapshots."""
        disks = zip((disk for disk, _ in self.disks), snapshot_ids, strict=True)
        return RegionalImage(
            settings=self.settings,
            boot=self.boot,
            region=region,
            disks=tuple(disks),
            source_ids=self.snapshot_ids,
            uefi_data=self.uefi_data,
        )

    def copies(self, snapshot_id: str) -> list[WantedCopy]:
        """Return the copies of one snapshot in the other Regions."""
        family = self.settings.family
        mark = () if family is None else ((FAMILY_TAG, family),)
        return [
            WantedCopy(snapshot_id, each.region, each.kms_key_arn, (*each.tags.items(), *mark))
            for each in self.settings.regions
        ]


@dataclass
class PublishedImage:
    """What is done of it so far."""

    images: dict[str, str] = field(default_factory=dict)
    snapshots: dict[str, list[str]] = field(default_factory=dict)
    ssm_parameter: str | None = None
    pruned: list[str] = field(default_factory=list)


async def publish_image(account: Account, wanted: WantedImage, done: PublishedImage) -> None:
    """Carry out every step that is not done yet.

    Args:
        account: Where the snapshots are.
        wanted: The image.
        done: Gets the result of each step as soon as there is one.

    Raises:
        BulkputError: a step cannot be done; those before it are.
    """
    sources = [await describe_source(account, each) for each in wanted.snapshot_ids]
    await _require_allowed(account, wanted, sources)
    copies: dict[str, list[tuple[WantedCopy, str]]] = {}
    for source in sources:
        for copy in wanted.copies(source["SnapshotId"]):
            copy_id = await ensure_copy(account, source, copy)
            copies.setdefault(copy.region, []).append((copy, copy_id))
    done.snapshots[account.region] = list(wanted.snapshot_ids)
    done.snapshots |= {region: [each for _, each in found] for region, found in copies.items()}
    await _in_region(account, wanted.in_region(account.region, wanted.snapshot_ids), done)
    await asyncio.gather(
        *(_over_copies(account, wanted, region, found, done) for region, found in copies.items())
    )
    parameter = wanted.settings.ssm_parameter
    if parameter is not None:
        for region, image_id in done.images.items():
            await ensure_parameter(account, parameter, image_id, region)
        done.ssm_parameter = parameter
    settings = wanted.settings
    if settings.keep is not None and settings.family is not None:
        regions = list(done.images)
        done.pruned = await prune_family(account, settings.family, regions, keep=settings.keep)


async def _over_copies(
    account: Account,
    wanted: WantedImage,
    region: str,
    copies: list[tuple[WantedCopy, str]],
    done: PublishedImage,
) -> None:
    """Register the image in another Region once its snapshots are there."""
    await asyncio.gather(*(wait_for_copy(account, copy, copy_id) for copy, copy_id in copies))
    regional = wanted.in_region(region, tuple(copy_id for _, copy_id in copies))
    await _in_region(account, regional, done)


async def _in_region(account: Account, wanted: RegionalImage, done: PublishedImage) -> None:
    """Register the image in one Region, and give it what it has beside itself."""
    settings, region = wanted.settings, wanted.region
    image_id = await ensure_image(account, wanted)
    done.images[region] = image_id
    image = await wait_for_image(account, settings.name, image_id, region)
    if settings.share.is_wanted:
        await ensure_launchable(account, image_id, settings.share, region)
    if settings.deprecate_after_s is not None:
        await ensure_deprecation(account, image, settings.deprecate_after_s, region)


async def _require_allowed(
    account: Account, wanted: WantedImage, sources: list[Mapping[str, Any]]
) -> None:
    """Return if nothing of what is wanted is refused in the end.

    Raises:
        ConfigError: something would be.
    """
    settings = wanted.settings
    here = f"image {settings.name}"
    encrypted = any(source.get("Encrypted") for source in sources)
    require_other_regions(account, settings)
    for each in settings.regions:
        if wanted.lacks_zeros and not encrypted:
            await require_no_encryption(account, each.region, each.kms_key_arn, f"{here}: regions")
    if not settings.share.is_wanted:
        return
    for source in sources:
        key = source.get("KmsKeyId")
        await require_shareable_snapshot(account, account.region, key, f"{here}: share")
    for each in settings.regions:
        await require_shareable_key(
            account,
            each.region,
            encrypted=True if encrypted else None,
            kms_key_arn=each.kms_key_arn,
            where=f"{here}: regions",
        )
    if settings.share.public:
        for region in (account.region, *(each.region for each in settings.regions)):
            await require_public_images(account, region, f"{here}: share.public")
