"""What can be said of an image before the first block is sent."""

from collections.abc import Collection, Mapping, Sequence

from bulkput.config.images import ImageSettings
from bulkput.config.volume import VolumeSettings
from bulkput.model.errors import ConfigError, Problem
from bulkput.publish.account import Account
from bulkput.publish.before_upload import require_shareable_volume, with_blocks_for
from bulkput.publish.described import snapshots_by_device
from bulkput.publish.image import images_called
from bulkput.publish.refusals import require_other_regions, require_public_images


async def prepared_for_image(
    account: Account,
    image: ImageSettings,
    volumes: Sequence[VolumeSettings],
    known_ids: Collection[str] | None,
) -> Mapping[str, VolumeSettings]:
    """Return the volumes of an image as they have to be uploaded for it, by their labels.

    Args:
        account: The account.
        image: The image.
        volumes: Its disks.
        known_ids: Snapshots that an unfinished run of the job has made already; None where that is
            not known yet, and the name is looked at only when the image is registered.

    Raises:
        ConfigError: a later step would be refused.
        BulkputError: there is no answer.
    """
    here = f"image {image.name}"
    require_other_regions(account, image)
    if known_ids is not None:
        await _require_free_name(account, image, known_ids)
    if image.share.public:
        await require_public_images(account, account.region, f"{here}: share.public")
    if image.share.is_wanted:
        for volume in volumes:
            await require_shareable_volume(account, volume, f"{here}: share")
    return {
        volume.label: await with_blocks_for(account, volume, image.regions) for volume in volumes
    }


async def _require_free_name(
    account: Account, image: ImageSettings, known_ids: Collection[str]
) -> None:
    """Return if the image's name can be had; over what this job has made it is its own.

    Raises:
        ConfigError: it is another image's, which is not to be replaced.
    """
    if image.replace:
        return
    found = await account.repeat(lambda: images_called(account, image.name, account.region))
    for each in found:
        used = snapshots_by_device(each).values()
        if each.get("State") in {"available", "pending"} and set(known_ids).isdisjoint(used):
            what = (
                f"{each.get('ImageId')} in {account.region} has this name already. Choose another "
                "name, such as one with ${date}, or set `replace: true`"
            )
            raise ConfigError((Problem(f"image {image.name}", what),))
