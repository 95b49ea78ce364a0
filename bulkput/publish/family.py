"""The images of a family: which there are in a Region, who uses them, and which may go."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from bulkput.publish.account import Account, all_pages, given
from bulkput.publish.described import moment_of, snapshots_by_device
from bulkput.publish.tags import FAMILY_TAG

_AT_ONCE = 100
"""Values of one filter; EC2 takes 200."""
_ENDED = "terminated"


@dataclass(frozen=True)
class FamilyImage:
    """One image of a family."""

    image_id: str
    name: str
    region: str
    created: datetime
    state: str
    snapshot_ids: tuple[str, ...]
    used_by: str | None = None
    """An instance or a launch template."""

    def as_dict(self) -> dict[str, Any]:
        """Return the documented JSON object."""
        return {
            "image_id": self.image_id,
            "name": self.name,
            "region": self.region,
            "created": self.created.isoformat(),
            "state": self.state,
            "snapshot_ids": list(self.snapshot_ids),
            "used_by": self.used_by,
        }


def family_image(found: Mapping[str, Any], region: str) -> FamilyImage:
    """Return an image as DescribeImages has it."""
    return FamilyImage(
        image_id=given("DescribeImages", found, "ImageId"),
        name=str(found.get("Name") or ""),
        region=region,
        created=moment_of(found.get("CreationDate")) or datetime.max.replace(tzinfo=UTC),
        state=str(found.get("State") or ""),
        snapshot_ids=tuple(dict.fromkeys(filter(None, snapshots_by_device(found).values()))),
    )


def images_to_prune(
    images: Iterable[FamilyImage], *, keep: int, older_than_s: float, now: datetime
) -> list[FamilyImage]:
    """Return the images that may go: not among the newest ``keep`` of their Region, old, unused.

    An image whose age is not known counts as new.

    Args:
        images: Of one family; of any number of Regions.
        keep: How many of each Region stay.
        older_than_s: How old at least the others have to be.
        now: The time.
    """
    by_region: dict[str, list[FamilyImage]] = {}
    for image in images:
        by_region.setdefault(image.region, []).append(image)
    going = []
    for found in by_region.values():
        found.sort(key=lambda image: (image.created, image.image_id), reverse=True)
        going += [
            image
            for image in found[keep:]
            if image.used_by is None and (now - image.created).total_seconds() >= older_than_s
        ]
    return going


async def regions_of(account: Account) -> list[str]:
    """Return the Regions that the account uses, its own first.

    Raises:
        BulkputError: there is no answer.
    """
    answer = await account.repeat(
        lambda: account.call("DescribeRegions", {}, region=account.region)
    )
    names = [str(each.get("RegionName")) for each in answer.get("Regions") or ()]
    return list(dict.fromkeys((account.region, *sorted(names))))


async def images_of_family(account: Account, family: str, region: str) -> list[FamilyImage]:
    """Return the account's own images of a family in one Region, with who uses them.

    Raises:
        BulkputError: there is no answer.
    """
    asked = {
        "Owners": ["self"],
        "Filters": [{"Name": f"tag:{FAMILY_TAG}", "Values": [family]}],
    }

    async def attempt() -> list[FamilyImage]:
        found = await all_pages(account, "DescribeImages", asked, "Images", region=region)
        images = [family_image(each, region) for each in found]
        if not images:
            return []
        used = await _users(account, [image.image_id for image in images], region)
        return [replace(image, used_by=used.get(image.image_id)) for image in images]

    return await account.repeat(attempt)


async def _users(account: Account, image_ids: Sequence[str], region: str) -> dict[str, str]:
    """Return what uses each image: an instance that is not gone, or any version of a template."""
    used: dict[str, str] = {}
    for first in range(0, len(image_ids), _AT_ONCE):
        asked = {
            "Filters": [{"Name": "image-id", "Values": list(image_ids[first : first + _AT_ONCE])}]
        }
        found = await all_pages(account, "DescribeInstances", asked, "Reservations", region=region)
        for instance in (each for one in found for each in one.get("Instances") or ()):
            if (instance.get("State") or {}).get("Name") != _ENDED:
                used[str(instance.get("ImageId"))] = str(instance.get("InstanceId"))
    templates = await all_pages(
        account, "DescribeLaunchTemplates", {}, "LaunchTemplates", region=region
    )
    for template in templates:
        template_id = given("DescribeLaunchTemplates", template, "LaunchTemplateId")
        # A parameter of Systems Manager stands for the image that it names now.
        versions = await all_pages(
            account,
            "DescribeLaunchTemplateVersions",
            {"LaunchTemplateId": template_id, "ResolveAlias": True},
            "LaunchTemplateVersions",
            region=region,
        )
        for version in versions:
            image_id = (version.get("LaunchTemplateData") or {}).get("ImageId")
            if image_id:
                used.setdefault(str(image_id), template_id)
    return used
