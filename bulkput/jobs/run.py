"""A whole job: opens what its volumes share, and works them off."""

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from importlib import import_module

from bulkput.config.settings import JobSettings
from bulkput.jobs.lanes.pool import open_lanes
from bulkput.jobs.lanes.pool_parts import parts_of_job
from bulkput.jobs.process.spot_interruption import until_notice
from bulkput.jobs.session.context import JobContext
from bulkput.jobs.session.job_lock import locked_job
from bulkput.jobs.session.open import open_context
from bulkput.jobs.state.departed_volumes import departed_volumes
from bulkput.jobs.state.job_round import JobFolders, begin_round
from bulkput.jobs.state.shelved import is_newer_record, record_name
from bulkput.jobs.upload.volume import upload_volume
from bulkput.jobs.volume_queue import LastProgress, VolumeQueue
from bulkput.model.events import Noted, Observer
from bulkput.model.image_outcome import ImageOutcome
from bulkput.model.job_outcomes import JobOutcomes
from bulkput.model.outcome import VolumeOutcome
from bulkput.source.open import import_all_kinds

MakeImages = Callable[[Sequence[VolumeOutcome]], Awaitable[tuple[ImageOutcome, ...]]]
"""Makes the images of a job whose volumes ended so."""


async def run_job(settings: JobSettings, *, observer: Observer) -> JobOutcomes:
    """Upload every volume of the job, ``settings.parallel`` of them at a time, then make images.

    Returns:
        The outcomes in the order of the volumes, failed ones among them, and those of the images.

    Raises:
        BulkputError: what concerns the job as a whole, before or beside its volumes.
    """
    if not settings.volumes:
        return JobOutcomes()
    import_for_later(settings)
    async with contextlib.AsyncExitStack() as stack:
        last = LastProgress(observer)
        context = await stack.enter_async_context(open_context(settings, last))
        stack.enter_context(locked_job(context))
        context, make_images = await _with_later_steps(context)
        if not await begin_job(context):
            return JobOutcomes()
        lanes = await stack.enter_async_context(open_lanes(parts_of_job(context)))

        def upload_one(position: int) -> Awaitable[VolumeOutcome]:
            return upload_volume(context, context.settings.volumes[position], lanes=lanes)

        async def work() -> JobOutcomes:
            volumes = await VolumeQueue(context, upload_one, last).run()
            return JobOutcomes(volumes, await make_images(volumes))

        return await until_notice(context.clock, work(), context.on_notice)


async def _with_later_steps(context: JobContext) -> tuple[JobContext, MakeImages]:
    """Return the job with volumes as its later steps need them, and what makes its images."""
    settings = context.settings
    if not settings.images and not any(volume.is_published for volume in settings.volumes):
        return context, _no_images
    from bulkput.jobs.images.prepare import prepared_job  # noqa: PLC0415 - few jobs make images
    from bulkput.jobs.images.run_images import run_images  # noqa: PLC0415 - the same

    prepared = await prepared_job(context)
    return prepared.context, partial(run_images, prepared)


async def _no_images(_: Sequence[VolumeOutcome]) -> tuple[ImageOutcome, ...]:
    return ()


def import_for_later(settings: JobSettings) -> None:
    """Import what one volume's upload from a raw disk can do without, where it may come up later.

    Hours later, that is: in the meantime the installed package may have been replaced.
    """
    if len(settings.volumes) > 1:
        import_all_kinds()
    if len(settings.volumes) > 1 or settings.volumes[0].verify != "none":
        import_module("bulkput.jobs.upload.read_back")
    if any(volume.is_published for volume in settings.volumes):
        import_module("bulkput.jobs.upload.publish")


async def begin_job(context: JobContext) -> bool:
    """Go on with the job's round or begin another; False if there is nothing to run again.

    Raises:
        LedgerError: the state folder cannot be used.
        TemporaryError: the disk is full.
    """
    request = context.settings.request
    if request is None:
        return True
    folders = JobFolders(context.state_dir, context.endpoint_url, context.service.region)
    store, name = context.state_store, record_name(request.identity)
    if store is not None:
        await store.shelf.fetch(name, is_newer_record)
    departed = partial(departed_volumes, request, context.settings.volumes, folders)
    for label, text in await context.workers.run(departed):
        context.observer.on_event(Noted(label, text, warning=True))
    record = await context.workers.run(
        lambda: begin_round(
            request, context.settings.volumes, folders, now_unix_s=context.clock.unix_s()
        )
    )
    if store is not None:
        await store.shelf.keep([name])
    return record is not None
