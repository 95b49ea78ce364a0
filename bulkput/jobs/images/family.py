"""``bulkput image list`` and ``prune``: the images of a family, in every Region."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bulkput.config.service import ServiceSettings
from bulkput.jobs.publish.account import open_account
from bulkput.jobs.session.connection import Note
from bulkput.publish.account import Account
from bulkput.publish.family import FamilyImage, images_of_family, images_to_prune, regions_of
from bulkput.publish.prune import finish_earlier, prune_image


@dataclass(frozen=True)
class Pruning:
    """What there is of a family, and what of it goes."""

    images: tuple[FamilyImage, ...]
    """All of them, by Region, the newest first."""
    going: tuple[FamilyImage, ...]


async def list_family(
    settings: ServiceSettings, family: str, note: Note, *, regions: Sequence[str] = ()
) -> tuple[FamilyImage, ...]:
    """Return the images of a family.

    Args:
        settings: Whose account; its Region comes first.
        family: Which.
        note: Reports repeated calls.
        regions: Only in these; empty is every Region of the account.

    Raises:
        BulkputError: there is no answer.
    """
    async with open_account(settings, note) as account:
        return await _images(account, family, regions or await regions_of(account))


async def prune_family(
    settings: ServiceSettings,
    family: str,
    note: Note,
    *,
    keep: int,
    older_than_s: float,
    delete: bool,
    regions: Sequence[str] = (),
) -> Pruning:
    """Find the images of a family that may go and, if so wanted, delete them with their snapshots.

    Args:
        settings: Whose account.
        family: Which.
        note: Reports repeated calls and snapshots that are kept.
        keep: How many stay in each Region.
        older_than_s: How old the others have to be.
        delete: Delete them; else they are only found.
        regions: Only in these; empty is every Region of the account.

    Raises:
        BulkputError: there is no answer, or EC2 refuses.
    """
    async with open_account(settings, note) as account:
        wanted = regions or await regions_of(account)
        images = await _images(account, family, wanted)
        now = datetime.fromtimestamp(account.clock.unix_s(), UTC)
        going = images_to_prune(images, keep=keep, older_than_s=older_than_s, now=now)
        if delete:
            for region in wanted:
                await finish_earlier(account, family, region)
            for image in going:
                await prune_image(account, family, image)
        return Pruning(images, tuple(going))


async def _images(account: Account, family: str, regions: Sequence[str]) -> tuple[FamilyImage, ...]:
    """Return the family's images in all these Regions, the newest of each first."""
    found = await asyncio.gather(*(images_of_family(account, family, each) for each in regions))
    return tuple(
        image
        for images in found
        for image in sorted(images, key=lambda each: each.created, reverse=True)
    )
