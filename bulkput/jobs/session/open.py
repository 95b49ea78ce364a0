"""What a run opens and closes: the service, its rates, and threads; for uploads and for reading."""

import contextlib
import random
from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING

from bulkput.config.service import ServiceSettings
from bulkput.config.settings import JobSettings
from bulkput.config.tuning import TuningSettings
from bulkput.ebs.service import Service
from bulkput.jobs.process.embedded_server import EmbeddedServer
from bulkput.jobs.session.account_pacer import account_pacer
from bulkput.jobs.session.connection import (
    deadlines_of,
    embedded_where_asked,
    open_connection,
    state_dir_of,
)
from bulkput.jobs.session.context import JobContext
from bulkput.jobs.session.rate_limits import (
    GET_RATE_LIMITS_DEFAULT,
    GetRateLimits,
    RateLimits,
    find_get_rate_limits,
    find_rate_limits,
)
from bulkput.jobs.session.samples import with_samples
from bulkput.jobs.session.threads import worker_count
from bulkput.ledger.folder import ensure_state_dir
from bulkput.machine.limits import connections_that_fit
from bulkput.model.events import Noted, Observer
from bulkput.pace.call_gate import gate_of_share
from bulkput.pipeline.workers import ThreadWorkers

if TYPE_CHECKING:
    from bulkput.jobs.session.snapshot_reader import SnapshotReader
    from bulkput.jobs.session.state_store import StateStore


def fitted(tuning: TuningSettings, parallel: int) -> TuningSettings:
    """Return ``tuning`` with no more in flight than this process may have connections.

    A connection that cannot be opened would be tried again and again, and count as a bad network.
    """
    connections = connections_that_fit(tuning.in_flight_max * parallel, volumes=parallel)
    in_flight_max = max(1, min(tuning.in_flight_max, connections // parallel))
    return tuning.model_copy(update={"in_flight_max": in_flight_max})


@contextlib.asynccontextmanager
async def open_snapshot_reader(
    settings: ServiceSettings, observer: Observer, *, server: EmbeddedServer | None = None
) -> AsyncIterator["SnapshotReader"]:
    """Open what reading a snapshot needs, and close it at the end.

    Args:
        settings: Which service, and how fast.
        observer: Hears what happens.
        server: The embedded one, where it runs already.

    Raises:
        BulkputError: the service cannot be opened.
    """
    from bulkput.jobs.session.snapshot_reader import (  # noqa: PLC0415 - most uploads read none
        SnapshotReader,
    )

    tuning = fitted(settings.tuning, 1)
    async with contextlib.AsyncExitStack() as stack:
        server, service = await _open_service(settings, tuning, stack, server=server)
        rate_limits = await find_get_rate_limits(tuning, service)
        workers = ThreadWorkers(worker_count(tuning))
        stack.callback(workers.close)
        yield SnapshotReader(
            service=service,
            tuning=tuning,
            rate_limits=rate_limits,
            account=await account_pacer(
                service, "gets", rate_limits.account_gets_per_s, rate_limits.account_limiter
            ),
            workers=workers,
            clock=service.clock,
            random=random.Random(),  # noqa: S311 - jitter, nothing secret
            observer=observer,
            server=server,
        )


@contextlib.asynccontextmanager
async def open_context(
    settings: JobSettings,
    observer: Observer,
    *,
    server: EmbeddedServer | None = None,
    rate_limits: RateLimits | None = None,
    get_rate_limits: GetRateLimits | None = None,
) -> AsyncIterator[JobContext]:
    """Open what the volumes share, and close it in the opposite order.

    Args:
        settings: the job.
        observer: hears what happens.
        server: the embedded one, where it runs already.
        rate_limits: where they are known already.
        get_rate_limits: the same.

    Raises:
        BulkputError: something cannot be had.
    """
    state_dir = state_dir_of(settings)
    ensure_state_dir(state_dir)
    tuning = fitted(settings.tuning, settings.parallel)
    settings = settings.model_copy(update={"tuning": tuning})
    async with contextlib.AsyncExitStack() as stack:
        server, service = await _open_service(
            settings, tuning, stack, server=server, parallel=settings.parallel
        )
        rate_limits = rate_limits or await find_rate_limits(tuning, service)
        reads_back = any(volume.verify != "none" for volume in settings.volumes)
        gets = get_rate_limits or (
            await find_get_rate_limits(tuning, service) if reads_back else GET_RATE_LIMITS_DEFAULT
        )
        workers = ThreadWorkers(worker_count(tuning))
        stack.callback(workers.close)
        store = await _open_store(settings, service, stack, observer, shares_keys=server is None)
        rng = random.Random()  # noqa: S311 - jitter, nothing secret
        gate = partial(gate_of_share, tuning.quota_share, service.clock, rng)
        yield JobContext(
            settings=await workers.run(partial(with_samples, settings, state_dir)),
            service=service,
            endpoint_url=settings.endpoint_url,
            server=server,
            state_dir=state_dir,
            rate_limits=rate_limits,
            account=await account_pacer(
                service, "puts", rate_limits.account_puts_per_s, rate_limits.account_limiter
            ),
            workers=workers,
            clock=service.clock,
            random=rng,
            observer=observer,
            get_rate_limits=gets,
            get_account=await account_pacer(
                service, "gets", gets.account_gets_per_s, gets.account_limiter
            ),
            state_store=store,
            starts=gate(),
            completes=gate(),
        )


async def _open_service(
    settings: ServiceSettings,
    tuning: TuningSettings,
    stack: contextlib.AsyncExitStack,
    *,
    server: EmbeddedServer | None,
    parallel: int = 1,
) -> tuple[EmbeddedServer | None, Service]:
    """Open the service for so many snapshots at once, and the embedded one if it is asked for."""
    server = await stack.enter_async_context(embedded_where_asked(settings, server))
    opened = open_connection(
        settings,
        connections_max=tuning.in_flight_max * parallel,
        deadlines=deadlines_of(tuning),
        server=server,
    )
    return server, await stack.enter_async_context(opened)


async def _open_store(
    settings: JobSettings,
    service: Service,
    stack: contextlib.AsyncExitStack,
    observer: Observer,
    *,
    shares_keys: bool,
) -> "StateStore | None":
    """Open the state store, if there is one, until the stack is closed."""
    if settings.state_store is None:
        return None
    # For after the run, when the package may have been replaced.
    from bulkput.jobs.session.state_store import (  # noqa: PLC0415 - only who has a store pays
        open_state_store,
    )

    opened = open_state_store(
        settings,
        region=service.region,
        clock=service.clock,
        warn=lambda text: observer.on_event(Noted("state store", text, warning=True)),
        credentials=service.credentials if shares_keys else None,
    )
    return await stack.enter_async_context(opened)
