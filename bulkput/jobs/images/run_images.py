"""The images of a job, once its volumes are completed: one after the other."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

from bulkput.config.images import ImageSettings
from bulkput.config.images_in_part import ImageInPart, images_in_part, publish_command
from bulkput.jobs.images.disk_facts import facts_of_snapshot
from bulkput.jobs.images.prepare import PreparedJob
from bulkput.jobs.publish.account import JobAccount, account_of
from bulkput.jobs.publish.missing_blocks import lacks_blocks
from bulkput.jobs.session.context import JobContext
from bulkput.jobs.state.job_round import JobFolders, done_in_round
from bulkput.model.errors import BulkputError
from bulkput.model.events import ImageEnded, Noted
from bulkput.model.exit_code import ExitCode
from bulkput.model.image_outcome import AVAILABLE, ImageOutcome
from bulkput.model.outcome import NOT_STARTED, VolumeOutcome
from bulkput.publish.account import settling_until_s
from bulkput.publish.boot import Boot, boot_of, needs_disk
from bulkput.publish.image_steps import PublishedImage, WantedImage, publish_image

_LOOK_LIMIT_S = 60.0
"""For a look at a snapshot that only confirms what is configured: some blocks, of which each takes
a tenth of a second."""


async def run_images(
    prepared: PreparedJob, volumes: Sequence[VolumeOutcome]
) -> tuple[ImageOutcome, ...]:
    """Register every image whose disks are all there, and return what became of each.

    Of an image that has other disks in other parts of the job it is reported how it is made.
    """
    context = prepared.context
    by_label = {outcome.volume: outcome for outcome in volumes}
    outcomes = []
    for image in images_in_part(context.settings):
        if image.left_out:
            outcome = await _left_to_others(context, image, by_label)
        else:
            outcome = await _image(prepared, image.settings, by_label)
        context.observer.on_event(ImageEnded(outcome))
        outcomes.append(outcome)
    return tuple(outcomes)


async def _left_to_others(
    context: JobContext, image: ImageInPart, volumes: Mapping[str, VolumeOutcome]
) -> ImageOutcome:
    """Return the outcome of an image of which this run has only some disks: no failure."""
    others = set(image.left_out) - await _done_elsewhere(context)
    here = [disk.volume for disk in image.disks if not _is_there(volumes.get(disk.volume))]
    command = f"`{publish_command(context.settings)}`, or a run of the whole job, makes it"
    how = f"all of its disks are done: {command}"
    if others or here:
        how = f"when all of its disks are done, {command}"
    where = "where their state is, or with --snapshot VOLUME=SNAPSHOT"
    note = f"{image.why_not_made}; {how}, {where}"
    name = image.settings.name
    context.observer.on_event(Noted("", f"image {name}: {note}"))
    return ImageOutcome(name=name, status=NOT_STARTED, family=image.settings.family, notes=(note,))


async def _done_elsewhere(context: JobContext) -> set[str]:
    """Return which volumes that this run leaves out are done, as far as is known here."""
    request = context.settings.request
    if request is None:
        return set()
    folders = JobFolders(context.state_dir, context.endpoint_url, context.service.region)
    return await context.workers.run(partial(done_in_round, request, folders))


async def _image(
    prepared: PreparedJob, image: ImageSettings, volumes: Mapping[str, VolumeOutcome]
) -> ImageOutcome:
    context = prepared.context
    labels = [volume.label for volume in context.settings.volumes]
    disks = image.disks_of(labels)
    missing = [disk.volume for disk in disks if not _is_there(volumes.get(disk.volume))]
    if missing:
        return _not_started(image, missing[0], volumes.get(missing[0]))
    found = [volumes[disk.volume] for disk in disks]
    ids = tuple(outcome.snapshot_id or "" for outcome in found)
    settled_s = prepared.settled_s
    if any(outcome.earlier_run is not None for outcome in found):
        settled_s = max(settled_s, settling_until_s(context.clock))
    made = _Making(context, image, settled_s=settled_s)
    try:
        boot = await boot_for(context, image, ids[0], prepared.boots.get(image.name))
        wanted = WantedImage(
            settings=image,
            boot=boot,
            disks=tuple(zip(disks, ids, strict=True)),
            lacks_zeros=any([await lacks_blocks(context, each) for each in ids]),
            uefi_data=prepared.uefi_data.get(image.name),
        )
        return await made.outcome(wanted)
    except BulkputError as error:
        return made.failed(error)


class _Making:
    """One image under way."""

    def __init__(self, context: JobContext, image: ImageSettings, *, settled_s: float) -> None:
        self._context = context
        self._image = image
        self._done = PublishedImage()
        self._notes: list[str] = []
        self._boot: Boot | None = None
        # An image is no volume: what is noted of it belongs to the run.
        self.account: JobAccount = account_of(
            context, "", context.retrier(""), self._note, settled_s=settled_s
        )

    async def outcome(self, wanted: WantedImage) -> ImageOutcome:
        """Make the image and return what became of it.

        Raises:
            BulkputError: a step cannot be done.
        """
        self._boot = wanted.boot
        text = f"registering it over {', '.join(wanted.snapshot_ids)}"
        self._report(text)
        await publish_image(self.account, wanted, self._done)
        return self._outcome(AVAILABLE)

    def failed(self, error: BulkputError) -> ImageOutcome:
        """Return what became of an image that could not be made to the end."""
        return self._outcome("failed", error)

    def _note(self, text: str) -> None:
        self._notes.append(text)
        self._report(text)

    def _report(self, text: str) -> None:
        self._context.observer.on_event(Noted("", f"image {self._image.name}: {text}"))

    def _outcome(self, status: str, error: BulkputError | None = None) -> ImageOutcome:
        boot = self._boot
        return ImageOutcome(
            name=self._image.name,
            status=status,
            region=self._context.service.region,
            family=self._image.family,
            images=dict(self._done.images),
            snapshots=dict(self._done.snapshots),
            architecture=None if boot is None else boot.architecture,
            boot_mode=None if boot is None else boot.boot_mode,
            ssm_parameter=self._done.ssm_parameter,
            pruned=tuple(self._done.pruned),
            notes=tuple(self._notes),
            error=None if error is None else str(error),
            exit_code=0 if error is None else error.status,
            cause=error,
        )


async def boot_for(
    context: JobContext, image: ImageSettings, snapshot_id: str, known: Boot | None
) -> Boot:
    """Return how an image boots: as its source has shown, else as its snapshot shows.

    Raises:
        ConfigError: the disk contradicts what is configured, or does not show what is not.
        BulkputError: the snapshot cannot be read, and nothing else tells.
    """
    if known is not None:
        return known
    limit_s = None if needs_disk(image) else _LOOK_LIMIT_S
    try:
        async with asyncio.timeout(limit_s):
            facts = await facts_of_snapshot(context, snapshot_id)
    except (BulkputError, TimeoutError):
        if needs_disk(image):
            raise
        return boot_of(image, None)
    return boot_of(image, facts)


def _not_started(image: ImageSettings, label: str, volume: VolumeOutcome | None) -> ImageOutcome:
    """Return the outcome of an image one of whose volumes is not there, with its reason if known.

    Args:
        image: The image.
        label: Of the volume.
        volume: What became of it.
    """
    why, status = "", int(ExitCode.TEMPORARY)
    if volume is not None and volume.exit_code and volume.error:
        why, status = f": {volume.error}", volume.exit_code
    goes_on = ". The same command goes on" if status == ExitCode.TEMPORARY else ""
    return ImageOutcome(
        name=image.name,
        status=NOT_STARTED,
        family=image.family,
        error=f"not registered, because {label} is not done{why}{goes_on}",
        exit_code=status,
    )


def _is_there(outcome: VolumeOutcome | None) -> bool:
    return outcome is not None and not outcome.exit_code and outcome.status == "completed"
