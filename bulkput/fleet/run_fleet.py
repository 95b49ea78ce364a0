"""A whole job on a fleet: opens what the driver needs, and lets it work."""

import contextlib
from collections.abc import Container, Sequence
from functools import partial

from bulkput.config.fleet import LOCAL, RetrySettings
from bulkput.config.settings import JobSettings
from bulkput.fleet.account import Account, account_name
from bulkput.fleet.begun import Recorded, recorded_of
from bulkput.fleet.cluster import open_cluster
from bulkput.fleet.driver import Driver
from bulkput.fleet.fitting import require_fitting
from bulkput.fleet.inbox import Inbox
from bulkput.fleet.orders import Orders
from bulkput.fleet.placement import Placement, Volume, in_start_order
from bulkput.fleet.retries import KILLED, LOST
from bulkput.fleet.volume_logs import VolumeLogs, log_folder
from bulkput.jobs.process.spot_interruption import until_notice
from bulkput.jobs.run import begin_job
from bulkput.jobs.session.context import JobContext
from bulkput.jobs.session.job_lock import locked_job
from bulkput.jobs.session.open import open_context
from bulkput.jobs.state.job_record import read_record, record_path
from bulkput.jobs.volume_queue import source_size_bytes
from bulkput.model.events import Noted, Observer
from bulkput.model.exit_code import ExitCode
from bulkput.model.job_outcomes import JobOutcomes
from bulkput.observe.wording import counted

_HOSTS_SHOWN = 12
"""By name, of all that a cluster has."""


async def run_fleet(settings: JobSettings, *, observer: Observer) -> JobOutcomes:
    """Upload every volume of the job on the hosts of its cluster.

    Returns:
        The outcomes in the order of the volumes, failed ones among them.

    Raises:
        UsageError: Ray is not installed.
        ConfigError: something of the job does not fit a fleet, or there is no cluster.
        TemporaryError: the run was cancelled, or the cluster is lost.
        BulkputError: what else concerns the job as a whole.
    """
    require_fitting(settings)
    async with contextlib.AsyncExitStack() as stack:
        context = await stack.enter_async_context(open_context(settings, observer))
        stack.enter_context(locked_job(context))
        fleet = settings.fleet
        if fleet.address == LOCAL:
            observer.on_event(Noted("", "starting a cluster on this machine"))
        opening = open_cluster(fleet.address, lambda text: observer.on_event(Noted("", text)))
        cluster = await stack.enter_async_context(opening)
        recorded = await context.workers.run(partial(_recorded, context))
        if not await begin_job(context):
            return JobOutcomes()
        request = context.settings.request
        assert request is not None  # noqa: S101 - only jobs of files fit
        run = request.identity.job_id
        # Both first: Ray takes a second to start an actor, but for several at the same time.
        quota, mailbox = await cluster.quota(), await cluster.mailbox(request.identity.name, run)
        if fleet.address != LOCAL:
            observer.on_event(Noted("", _shown([node.name for node in await cluster.nodes()])))
        account = Account(context, await account_name(context), quota)
        stack.push_async_callback(account.close)
        await account.find_pending(context.clock.monotonic_s())
        orders = Orders(context, account.name, recorded)
        volumes = await _volumes(context, orders.begun(account.pending))
        driver = Driver(
            context,
            cluster,
            account,
            mailbox,
            Placement(volumes, _retries(settings.fleet.retries)),
            orders,
            Inbox(VolumeLogs(observer, log_folder(context.state_dir, run))),
        )
        return JobOutcomes(await until_notice(context.clock, driver.run(), context.on_notice))


def _shown(hosts: Sequence[str]) -> str:
    """Return a sentence about the hosts of the cluster."""
    some = ", ".join(hosts[:_HOSTS_SHOWN])
    more = f" and {len(hosts) - _HOSTS_SHOWN} more" if len(hosts) > _HOSTS_SHOWN else ""
    return f"{counted(len(hosts), 'host')}: {some}{more}"


def _recorded(context: JobContext) -> Recorded:
    """Return what the job's earlier runs noted. Blocks."""
    request = context.settings.request
    assert request is not None  # noqa: S101 - only jobs of files fit
    record = read_record(record_path(context.state_dir, request.identity))
    return recorded_of(record, is_fresh=request.begin == "fresh")


async def _volumes(context: JobContext, begun: Container[str]) -> list[Volume]:
    volumes = context.settings.volumes
    sizes = await context.workers.run(lambda: list(map(source_size_bytes, volumes)))
    return in_start_order(
        Volume(
            volume.label,
            size,
            host=volume.placement.host,
            labels=volume.placement.labels,
            is_begun=volume.label in begun,
        )
        for volume, size in zip(volumes, sizes, strict=True)
    )


def _retries(settings: RetrySettings) -> dict[int, int]:
    return {
        ExitCode.TEMPORARY: settings.temporary,
        ExitCode.QUOTA: settings.quota,
        ExitCode.MACHINE: settings.machine,
        ExitCode.UNEXPECTED: settings.unexpected,
        KILLED: settings.killed,
        LOST: settings.lost,
    }
