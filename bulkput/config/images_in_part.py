"""Which images of a job a run makes, where it was given a part of the job's volumes. Pure."""

import shlex
from typing import NamedTuple

from bulkput.config.images import ImageDiskSettings, ImageSettings
from bulkput.config.settings import JobSettings

_NAMES_MAX = 3
"""So many disks are named; that there are more is enough to know."""


class ImageInPart(NamedTuple):
    """An image that has a disk in this part of the job."""

    settings: ImageSettings
    disks: tuple[ImageDiskSettings, ...]
    """Those in this part."""
    left_out: tuple[str, ...]
    """Volumes of the other disks; empty if this run makes the image."""

    @property
    def why_not_made(self) -> str:
        """Why this run does not make the image: the part of the sentence that follows its name."""
        names = ", ".join(self.left_out[:_NAMES_MAX])
        more = len(self.left_out) - _NAMES_MAX
        others = f" and {more} more" if more > 0 else ""
        return f"not made by a run of a part of the job, which leaves out its {names}{others}"


def images_in_part(settings: JobSettings) -> list[ImageInPart]:
    """Return the images that have a disk among the volumes of this run, in the order of the job."""
    here = [volume.label for volume in settings.volumes]
    request = settings.request
    elsewhere = [] if request is None else [volume.label for volume in request.left_out]
    found = []
    for image in settings.images:
        disks = image.disks_of([*here, *elsewhere])
        chosen = tuple(disk for disk in disks if disk.volume in here)
        if chosen:
            left_out = tuple(disk.volume for disk in disks if disk.volume not in here)
            found.append(ImageInPart(image, chosen, left_out))
    return found


def made_images(settings: JobSettings) -> list[ImageSettings]:
    """Return the images that this run makes: of those it has every disk."""
    return [image.settings for image in images_in_part(settings) if not image.left_out]


def publish_command(settings: JobSettings) -> str:
    """Return the command that makes the images of the whole job, of snapshots that exist."""
    file = "-" if settings.request is None else settings.request.identity.file
    return f"bulkput publish {'JOB' if file == '-' else shlex.quote(file)}"
