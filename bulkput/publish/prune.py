"""An image and its snapshots deleted, in an order that a crash cannot spoil.

A snapshot cannot go before its image. So it is marked first: what an interrupted run has left is
found by the mark, whose image is gone then.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from bulkput.model.errors import ServiceError
from bulkput.model.failure import FailureClass
from bulkput.publish.account import Account, all_pages
from bulkput.publish.described import snapshots_by_device
from bulkput.publish.family import FamilyImage, images_of_family, images_to_prune
from bulkput.publish.tags import PRUNED_TAG, own_tags


async def prune_image(account: Account, family: str, image: FamilyImage) -> None:
    """Deregister an image and delete its snapshots, but those that others use.

    Raises:
        BulkputError: EC2 refuses.
    """
    await account.repeat(partial(_prune, account, family, image))


async def _prune(account: Account, family: str, image: FamilyImage) -> None:
    if image.snapshot_ids:
        mark = [{"Key": PRUNED_TAG, "Value": f"{family} {image.image_id}"}]
        tagged = {"Resources": list(image.snapshot_ids), "Tags": mark}
        await _unless_gone(account, "CreateTags", tagged, image.region)
    await _unless_gone(account, "DeregisterImage", {"ImageId": image.image_id}, image.region)
    await _delete_unused(account, image.snapshot_ids, image.region)


async def prune_family(
    account: Account, family: str, regions: Sequence[str], *, keep: int
) -> list[str]:
    """Delete all but the newest ``keep`` images of each Region and what is used; return their ids.

    Raises:
        BulkputError: EC2 refuses.
    """
    now = datetime.fromtimestamp(account.clock.unix_s(), UTC)
    pruned = []
    for region in regions:
        await finish_earlier(account, family, region)
        images = await images_of_family(account, family, region)
        for image in images_to_prune(images, keep=keep, older_than_s=0.0, now=now):
            await prune_image(account, family, image)
            pruned.append(image.image_id)
    return pruned


async def finish_earlier(account: Account, family: str, region: str) -> list[str]:
    """Delete snapshots that an interrupted run has marked and whose images are gone.

    Raises:
        BulkputError: EC2 refuses.
    """
    return await account.repeat(partial(_finish, account, family, region))


async def _finish(account: Account, family: str, region: str) -> list[str]:
    asked = {"OwnerIds": ["self"], "Filters": [{"Name": "tag-key", "Values": [PRUNED_TAG]}]}
    found = await all_pages(account, "DescribeSnapshots", asked, "Snapshots", region=region)
    left = [each["SnapshotId"] for each in found if _is_of(each, family)]
    return await _delete_unused(account, left, region)


def _is_of(snapshot: Mapping[str, Any], family: str) -> bool:
    marked_for, _, _ = own_tags(snapshot).get(PRUNED_TAG, "").rpartition(" ")
    return marked_for == family


async def _delete_unused(account: Account, snapshot_ids: Sequence[str], region: str) -> list[str]:
    """Delete the snapshots that no image of the account is over any more."""
    if not snapshot_ids:
        return []
    images = await all_pages(
        account, "DescribeImages", {"Owners": ["self"]}, "Images", region=region
    )
    used = {each for image in images for each in snapshots_by_device(image).values()}
    deleted = []
    for snapshot_id in snapshot_ids:
        if snapshot_id in used:
            continue
        try:
            await _unless_gone(account, "DeleteSnapshot", {"SnapshotId": snapshot_id}, region)
        except ServiceError as error:
            if error.failure is not FailureClass.INVALID:  # a lock, or an image of somebody else
                raise
            account.note(f"{snapshot_id} in {region} is kept: {error.what}")
        else:
            deleted.append(snapshot_id)
    return deleted


async def _unless_gone(
    account: Account, operation: str, parameters: Mapping[str, Any], region: str
) -> None:
    try:
        await account.call(operation, parameters, region=region)
    except ServiceError as error:
        if error.failure is not FailureClass.GONE:
            raise
