"""A whole job: opens what its volumes share, and works them off."""

import contextlib
from collections.abc import Awaitable
from importlib import import_module

from bulkput.config.settings import JobSettings
from bulkput.jobs.images.prepare import prepared_job
from bulkput.jobs.images.run_images import run_images
from bulkput.jobs.lanes.pool import open_lanes
from bulkput.jobs.process.spot_interruption import until_notice
from bulkput.jobs.session.context import JobContext
from bulkput.jobs.session.job_lock import locked_job
from bulkput.jobs.session.open import open_context
from bulkput.jobs.state.job_round import JobFolders, begin_round
from bulkput.jobs.state.shelved import is_newer_record, record_name
from bulkput.jobs.upload.volume import upload_volume
from bulkput.jobs.volume_queue import LastProgress, VolumeQueue
from bulkput.model.events import Observer
from bulkput.model.job_outcomes import JobOutcomes
from bulkput.model.outcome import VolumeOutcome
from bulkput.source.open import import_all_kinds


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
        prepared = await prepared_job(context)
        context = prepared.context
        if not await _begin(context):
            return JobOutcomes()
        lanes = await stack.enter_async_context(open_lanes(context))

        def upload_one(position: int) -> Awaitable[VolumeOutcome]:
            return upload_volume(context, context.settings.volumes[position], lanes=lanes)

        async def work() -> JobOutcomes:
            volumes = await VolumeQueue(context, upload_one, last).run()
            return JobOutcomes(volumes, await run_images(prepared, volumes))

        return await until_notice(context.clock, work())


def import_for_later(settings: JobSettings) -> None:
    """Import what one volume's upload from a raw disk can do without, where it may come up later.

    Hours later, that is: in the meantime the installed package may have been replaced.
    """
    if len(settings.volumes) > 1:
        import_all_kinds()
    if len(settings.volumes) > 1 or settings.volumes[0].verify != "none":
        import_module("bulkput.jobs.upload.read_back")


async def _begin(context: JobContext) -> bool:
    """Go on with the job's round or begin another; False if there is nothing to run again."""
    request = context.settings.request
    if request is None:
        return True
    folders = JobFolders(context.state_dir, context.endpoint_url, context.service.region)
    store, name = context.state_store, record_name(request.identity)
    if store is not None:
        await store.shelf.fetch(name, is_newer_record)
    record = await context.workers.run(
        lambda: begin_round(
            request, context.settings.volumes, folders, now_unix_s=context.clock.unix_s()
        )
    )
    if store is not None:
        await store.shelf.keep([name])
    return record is not None
