"""The job as it is uploaded for what becomes of its snapshots: asked before anything else."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from bulkput.config.images import ImageSettings
from bulkput.config.images_in_part import ImageInPart, images_in_part, made_images
from bulkput.config.volume import VolumeSettings
from bulkput.jobs.images.disk_facts import facts_of_source, uefi_data_of
from bulkput.jobs.publish.account import JobAccount, account_of
from bulkput.jobs.session.context import JobContext
from bulkput.jobs.state.job_round import JobFolders
from bulkput.ledger.header_file import read_header
from bulkput.model.errors import BulkputError, SourceError
from bulkput.model.events import Noted
from bulkput.publish.before_upload import prepared_volume
from bulkput.publish.boot import Boot, boot_of
from bulkput.publish.image_before_upload import prepared_for_image


@dataclass(frozen=True)
class PreparedJob:
    """A job whose later steps have been looked at."""

    context: JobContext
    boots: Mapping[str, Boot] = field(default_factory=dict)
    """By image; of one whose disk cannot be looked at before the upload, nothing."""
    uefi_data: Mapping[str, str | None] = field(default_factory=dict)
    settled_s: float = 0.0
    """When EC2's lists show what an earlier run can have made of snapshots that existed before."""


async def prepared_job(context: JobContext) -> PreparedJob:
    """Return the job with volumes as later steps need them; as it is if there are none.

    Raises:
        ConfigError: a later step would be refused.
        BulkputError: there is no answer, or a disk cannot be read.
    """
    settings = context.settings
    images = images_in_part(settings)
    if not images and not any(volume.is_published for volume in settings.volumes):
        return PreparedJob(context)

    def note(text: str) -> None:
        context.observer.on_event(Noted("", text))

    account = account_of(context, "", context.retrier(""), note)
    volumes = {volume.label: volume for volume in settings.volumes}
    for label, volume in volumes.items():
        if volume.is_published:
            volumes[label] = await prepared_volume(account, volume)
    boots, uefi_data = {}, await read_uefi_data(context)
    for image in images:
        if image.left_out:
            note(f"image {image.settings.name}: {image.why_not_made}")
        else:
            boot = await _boot(context, image.settings, volumes)
            if boot is not None:
                boots[image.settings.name] = boot
        # Also of an image that others make later: its disks have to be as it needs them.
        volumes |= await _prepared_for(context, account, image, volumes)
    update = {"volumes": tuple(volumes.values())}
    context = replace(context, settings=settings.model_copy(update=update))
    return PreparedJob(context, boots, uefi_data)


async def read_uefi_data(context: JobContext) -> dict[str, str | None]:
    """Return the UEFI variable stores of the images, by their names.

    Raises:
        ConfigError: a file cannot be read, or holds something else.
    """

    def read() -> dict[str, str | None]:
        return {image.name: uefi_data_of(image) for image in made_images(context.settings)}

    return await context.workers.run(read)


async def _boot(
    context: JobContext, image: ImageSettings, volumes: Mapping[str, VolumeSettings]
) -> Boot | None:
    """Return how the image boots, as its first disk shows; None if that is known only later."""
    root = volumes[image.disks_of(list(volumes))[0].volume]
    try:
        facts = await facts_of_source(context, root)
    except SourceError:
        return None  # for its volume to report, beside the others
    return None if facts is None else boot_of(image, facts)


async def _prepared_for(
    context: JobContext,
    account: JobAccount,
    image: ImageInPart,
    volumes: Mapping[str, VolumeSettings],
) -> Mapping[str, VolumeSettings]:
    disks = [volumes[disk.volume] for disk in image.disks]
    known = None  # a store has what other machines made, and is asked volume by volume
    if context.state_store is None:
        known = await context.workers.run(partial(_undelivered_ids, context, disks))
    return await prepared_for_image(account, image.settings, disks, known)


def _undelivered_ids(context: JobContext, volumes: list[VolumeSettings]) -> set[str]:
    """Return the snapshots of these volumes whose result was not delivered yet. Blocks."""
    folders = JobFolders(context.state_dir, context.endpoint_url, context.service.region)
    found = set()
    for volume in volumes:
        with suppress(BulkputError):  # a damaged ledger is reported by who uploads the volume
            header = read_header(folders.of(volume))
            if header.snapshot_id is not None and not header.delivered:
                found.add(header.snapshot_id)
    return found
