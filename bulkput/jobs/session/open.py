"""What a run opens and closes: the service, its rates, and threads; for uploads and for reading."""

import contextlib
import os
import random
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from bulkput.config.settings import Settings
from bulkput.config.tuning import TuningSettings
from bulkput.ebs.deadlines import Deadlines
from bulkput.ebs.service import open_service
from bulkput.jobs.process.embedded_server import EmbeddedServer, embedded_server
from bulkput.jobs.session.account_pacer import account_pacer
from bulkput.jobs.session.connection import Address, open_addressed
from bulkput.jobs.session.context import JobContext
from bulkput.jobs.session.rate_limits import (
    GET_RATE_LIMITS_DEFAULT,
    RateLimits,
    find_get_rate_limits,
    find_rate_limits,
)
from bulkput.jobs.session.samples import with_samples
from bulkput.jobs.session.snapshot_reader import SnapshotReader
from bulkput.jobs.session.threads import worker_count
from bulkput.ledger.folder import default_state_dir, ensure_state_dir
from bulkput.machine.limits import connections_that_fit
from bulkput.model.clock import LoopClock
from bulkput.model.events import Observer
from bulkput.pipeline.workers import ThreadWorkers

_EMBEDDED_REGION = "us-east-1"
"""The embedded server takes any; a rehearsal needs no AWS configuration."""


def state_dir_of(settings: Settings) -> Path:
    """Return the state folder; it may not exist."""
    return settings.state_dir or default_state_dir(os.environ)


def fitted(tuning: TuningSettings, parallel: int) -> TuningSettings:
    """Return ``tuning`` with no more in flight than this process may have connections.

    A connection that cannot be opened would be tried again and again, and count as a bad network.
    """
    connections = connections_that_fit(tuning.in_flight_max * parallel, volumes=parallel)
    in_flight_max = max(1, min(tuning.in_flight_max, connections // parallel))
    return tuning.model_copy(update={"in_flight_max": in_flight_max})


@contextlib.asynccontextmanager
async def open_snapshot_reader(
    settings: Settings, observer: Observer, *, server: EmbeddedServer | None = None
) -> AsyncIterator[SnapshotReader]:
    """Open what reading a snapshot needs, and close it at the end.

    Args:
        settings: Which service, and how fast.
        observer: Hears what happens.
        server: The embedded one, where it runs already.

    Raises:
        BulkputError: the service cannot be opened.
    """
    tuning = fitted(settings.tuning, 1)
    address = Address(
        region=settings.region,
        profile=settings.profile,
        endpoint=settings.endpoint,
        allow_insecure_http=settings.allow_insecure_http,
        state_dir=state_dir_of(settings),
    )
    deadlines = Deadlines(
        connect_s=tuning.connect_deadline_s,
        no_progress_s=tuning.no_progress_deadline_s,
        attempt_s=tuning.attempt_deadline_s,
    )
    opened = open_addressed(
        address, connections_max=tuning.in_flight_max, deadlines=deadlines, server=server
    )
    async with opened as service:
        rate_limits = await find_get_rate_limits(tuning, service)
        workers = ThreadWorkers(worker_count(tuning))
        try:
            yield SnapshotReader(
                service=service,
                tuning=tuning,
                rate_limits=rate_limits,
                account=await account_pacer(service, "gets", rate_limits.account_gets_per_s),
                workers=workers,
                clock=service.clock,
                random=random.Random(),  # noqa: S311 - jitter, nothing secret
                observer=observer,
            )
        finally:
            workers.close()


@contextlib.asynccontextmanager
async def open_context(
    settings: Settings,
    observer: Observer,
    *,
    server: EmbeddedServer | None = None,
    rate_limits: RateLimits | None = None,
) -> AsyncIterator[JobContext]:
    """Open what the volumes share, and close it in the opposite order.

    Args:
        settings: the job.
        observer: hears what happens.
        server: the embedded one, where it runs already.
        rate_limits: where they are known already.

    Raises:
        BulkputError: something cannot be had.
    """
    state_dir = settings.state_dir or default_state_dir(os.environ)
    ensure_state_dir(state_dir)
    tuning = fitted(settings.tuning, settings.parallel)
    settings = settings.model_copy(update={"tuning": tuning})
    clock = LoopClock()
    async with contextlib.AsyncExitStack() as stack:
        endpoint_url, credentials = None, None
        if settings.endpoint == "embedded":
            if server is None:
                root = state_dir / "embedded"
                server = await stack.enter_async_context(embedded_server(root))
            endpoint_url, credentials = server.url, server.credentials
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
        rate_limits = rate_limits or await find_rate_limits(tuning, service)
        reads_back = any(volume.verify != "none" for volume in settings.volumes)
        gets = (
            await find_get_rate_limits(tuning, service) if reads_back else GET_RATE_LIMITS_DEFAULT
        )
        workers = ThreadWorkers(worker_count(tuning))
        stack.callback(workers.close)
        yield JobContext(
            settings=await workers.run(partial(with_samples, settings, state_dir)),
            service=service,
            endpoint_url=None if settings.endpoint == "aws" else settings.endpoint,
            server=server,
            state_dir=state_dir,
            rate_limits=rate_limits,
            account=await account_pacer(service, "puts", rate_limits.account_puts_per_s),
            workers=workers,
            clock=clock,
            random=random.Random(),  # noqa: S311 - jitter, nothing secret
            observer=observer,
            get_rate_limits=gets,
            get_account=await account_pacer(service, "gets", gets.account_gets_per_s),
        )
