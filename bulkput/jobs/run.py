"""A whole job: opens what its volumes share, and works them off."""

import asyncio
import contextlib
import os
import random
from collections.abc import AsyncIterator
from functools import partial

from bulkput.config.settings import Settings
from bulkput.ebs.credentials import Credentials
from bulkput.ebs.deadlines import Deadlines
from bulkput.ebs.service import open_service
from bulkput.emulator.options import DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY
from bulkput.jobs.process.embedded_server import embedded_server
from bulkput.jobs.process.spot_interruption import until_notice
from bulkput.jobs.session.account_pacer import account_pacer
from bulkput.jobs.session.context import JobContext
from bulkput.jobs.session.rate_limits import (
    GET_CEILINGS_DEFAULT,
    Ceilings,
    find_ceilings,
    find_get_ceilings,
)
from bulkput.jobs.session.samples import with_samples
from bulkput.jobs.session.threads import worker_count
from bulkput.jobs.workers.pool import open_uploads
from bulkput.ledger.folder import default_state_dir, ensure_state_dir
from bulkput.model.clock import LoopClock
from bulkput.model.events import Observer
from bulkput.model.outcome import VolumeOutcome
from bulkput.pipeline.workers import ThreadWorkers

_EMBEDDED_REGION = "us-east-1"
"""The embedded server takes any; a rehearsal needs no AWS configuration."""


async def run_job(settings: Settings, *, observer: Observer) -> tuple[VolumeOutcome, ...]:
    """Upload every volume of the job, ``settings.parallel`` of them at a time.

    Returns:
        The outcomes in the order of the volumes, failed ones among them.

    Raises:
        BulkputError: what concerns the job as a whole, before or beside its volumes.
    """
    async with open_context(settings, observer) as context, open_uploads(context) as upload_one:
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


@contextlib.asynccontextmanager
async def open_context(
    settings: Settings,
    observer: Observer,
    *,
    server_url: str | None = None,
    ceilings: Ceilings | None = None,
) -> AsyncIterator[JobContext]:
    """Open what the volumes share, and close it in the opposite order.

    Args:
        settings: the job.
        observer: hears what happens.
        server_url: the embedded server's, where it runs already.
        ceilings: where they are known already.

    Raises:
        BulkputError: something cannot be had.
    """
    state_dir = settings.state_dir or default_state_dir(os.environ)
    ensure_state_dir(state_dir)
    tuning = settings.tuning
    clock = LoopClock()
    async with contextlib.AsyncExitStack() as stack:
        endpoint_url: str | None = None
        credentials: Credentials | None = None
        if settings.endpoint == "embedded":
            endpoint_url = server_url or await stack.enter_async_context(
                embedded_server(state_dir / "embedded")
            )
            credentials = Credentials(DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY, None)
        elif settings.endpoint != "aws":
            endpoint_url = settings.endpoint
        service = await stack.enter_async_context(
            open_service(
                region=settings.region or (None if credentials is None else _EMBEDDED_REGION),
                profile=settings.profile,
                endpoint_url=endpoint_url,
                allow_insecure_http=settings.allow_insecure_http,
                clock=clock,
                connections_max=tuning.in_flight_max * settings.parallel,
                deadlines=Deadlines(
                    connect_s=tuning.connect_deadline_s,
                    no_progress_s=tuning.no_progress_deadline_s,
                    attempt_s=tuning.attempt_deadline_s,
                ),
                static_credentials=credentials,
            )
        )
        ceilings = ceilings or await find_ceilings(tuning, service)
        reads_back = any(volume.verify != "none" for volume in settings.volumes)
        gets = await find_get_ceilings(tuning, service) if reads_back else GET_CEILINGS_DEFAULT
        workers = ThreadWorkers(worker_count(tuning))
        stack.callback(workers.close)
        yield JobContext(
            settings=await workers.run(partial(with_samples, settings, state_dir)),
            service=service,
            endpoint_url=None if settings.endpoint == "aws" else settings.endpoint,
            state_dir=state_dir,
            ceilings=ceilings,
            account=await account_pacer(service, "puts", ceilings.account_puts_per_s),
            workers=workers,
            clock=clock,
            random=random.Random(),  # noqa: S311 - jitter, nothing secret
            observer=observer,
            get_ceilings=gets,
            get_account=await account_pacer(service, "gets", gets.account_gets_per_s),
        )
