"""A whole job: opens what its volumes share, and works them off."""

import asyncio
import contextlib

from bulkput.config.settings import Settings
from bulkput.jobs.process.spot_interruption import until_notice
from bulkput.jobs.session.job_lock import locked_job
from bulkput.jobs.session.open import open_context
from bulkput.jobs.workers.pool import open_uploads
from bulkput.model.events import Observer
from bulkput.model.outcome import VolumeOutcome


async def run_job(settings: Settings, *, observer: Observer) -> tuple[VolumeOutcome, ...]:
    """Upload every volume of the job, ``settings.parallel`` of them at a time.

    Returns:
        The outcomes in the order of the volumes, failed ones among them.

    Raises:
        BulkputError: what concerns the job as a whole, before or beside its volumes.
    """
    async with contextlib.AsyncExitStack() as stack:
        context = await stack.enter_async_context(open_context(settings, observer))
        stack.enter_context(locked_job(context))
        upload_one = await stack.enter_async_context(open_uploads(context))
        places = asyncio.Semaphore(context.places)

        async def upload(index: int) -> VolumeOutcome:
            async with places:
                return await upload_one(index)

        async def upload_all() -> tuple[VolumeOutcome, ...]:
            async with asyncio.TaskGroup() as volumes:
                tasks = [
                    volumes.create_task(upload(index)) for index in range(len(settings.volumes))
                ]
            return tuple(task.result() for task in tasks)

        return await until_notice(context.clock, upload_all())
