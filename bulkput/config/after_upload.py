"""Rules between volumes and what becomes of their snapshots. Pure.

Owns the rule that a snapshot of which anything encrypted is made later has all its blocks: a block
that was never put reads as noise on an encrypted volume.
"""

from collections.abc import Iterator, Sequence

from pydantic_core import InitErrorDetails

from bulkput.config.between_volumes import custom
from bulkput.config.images import ImageSettings
from bulkput.config.volume import VolumeSettings
from bulkput.model.zeros import ZeroPolicy

_LEAVES_OUT = frozenset({ZeroPolicy.SKIP, ZeroPolicy.SKIP_HOLES})
_NOISE = (
    "expected auto or write: what is made of the snapshot later is encrypted, and blocks that were "
    "left out read as noise there"
)


def problems(
    volumes: Sequence[VolumeSettings], images: Sequence[ImageSettings]
) -> Iterator[InitErrorDetails]:
    """Yield what does not fit together."""
    labels = [volume.label for volume in volumes]
    names: dict[str, int] = {}
    for index, image in enumerate(images):
        if names.setdefault(image.name, index) != index:
            text = f"the same name as images[{names[image.name]}]"
            yield custom(text, ("images", index, "name"))
        seen = set()
        for number, disk in enumerate(image.disks):
            here = ("images", index, "disks", number, "volume")
            if disk.volume not in labels:
                yield custom("expected the name of a volume of this job", here)
            elif disk.volume in seen:
                yield custom("the same volume twice", here)
            seen.add(disk.volume)
    encrypted = becoming_encrypted(volumes, images)
    in_images = {disk.volume for image in images for disk in image.disks_of(labels)}
    for index, volume in enumerate(volumes):
        here_of_volume = ("volumes", index)
        if volume.label in encrypted and volume.zeros in _LEAVES_OUT:
            yield custom(_NOISE, (*here_of_volume, "zeros"))
        if not volume.snapshot.wait and (volume.is_published or volume.label in in_images):
            text = "expected true: what is made of the snapshot needs it completed"
            yield custom(text, (*here_of_volume, "snapshot", "wait"))
        if volume.share.public and volume.snapshot.asks_for_encryption:
            text = "expected false: an encrypted snapshot cannot be public"
            yield custom(text, (*here_of_volume, "share", "public"))


def becoming_encrypted(
    volumes: Sequence[VolumeSettings], images: Sequence[ImageSettings]
) -> frozenset[str]:
    """Return the labels of volumes of which something is made under a key that is named."""
    labels = [volume.label for volume in volumes]
    found = {
        volume.label
        for volume in volumes
        if any(each.kms_key_arn for each in volume.regions)
        or (volume.create_volume is not None and volume.create_volume.kms_key_arn)
    }
    for image in images:
        if any(each.kms_key_arn for each in image.regions):
            found |= {disk.volume for disk in image.disks_of(labels)}
    return frozenset(found)


def with_all_blocks(volume: VolumeSettings) -> VolumeSettings:
    """Return the volume, none of whose blocks is left out unless it was said so."""
    if volume.zeros is not ZeroPolicy.AUTO:
        return volume
    return volume.model_copy(update={"zeros": ZeroPolicy.WRITE})
