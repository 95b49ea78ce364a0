"""Everything that an upload needs, looked at before it begins; nothing is changed anywhere."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from bulkput.config.service import ServiceSettings
from bulkput.config.settings import JobSettings
from bulkput.config.volume import VolumeSettings
from bulkput.ebs.account_calls import AccountCalls
from bulkput.ebs.probe import Probe
from bulkput.ebs.quotas import read_pending_quota
from bulkput.ebs.service import Service
from bulkput.jobs.check import account
from bulkput.jobs.check.finding import Finding, failed, ok, skipped
from bulkput.jobs.check.later_steps import look_at_trial, trials_of
from bulkput.jobs.check.machine import look_at_machine
from bulkput.jobs.check.permissions import ACTIONS, look_at_action
from bulkput.jobs.check.sources import look_at_source
from bulkput.jobs.check.state_dir import look_at_state
from bulkput.jobs.session.connection import open_connection, state_dir_of
from bulkput.model.errors import BulkputError, ServiceError
from bulkput.model.failure import NEVER_ANSWERED, FailureClass
from bulkput.pipeline.own_thread import run_in_own_thread
from bulkput.pipeline.retry import Retrier

T = TypeVar("T")

_CALL_LIMIT_S = 15.0
"""For one call with its repeats: somebody waits for the answer, and may ask again."""

_END_OF_ALL = NEVER_ANSWERED | {
    FailureClass.SIGNATURE,
    FailureClass.TRANSIENT,
    FailureClass.STALLED,
}
"""What the first call met, every other would meet."""

_AWS_ONLY = "the endpoint is not AWS's own"

ACCOUNT_LINES = ("identity", "default encryption", "put quotas")
"""What only AWS knows."""


async def check_job(settings: JobSettings, volumes: Sequence[VolumeSettings]) -> list[Finding]:
    """Look at everything, and return what was found in the order of an upload's needs.

    Args:
        settings: Region, endpoint, state folder and tuning count.
        volumes: Those of the job; empty where no job is named.
    """
    state_dir = state_dir_of(settings)
    parallel = max(1, min(settings.parallel, len(volumes)))
    readers = [volume.source.reader for volume in volumes]
    findings = list(look_at_machine(settings.tuning, parallel, readers))
    block_count = 0
    for volume in volumes:
        look = partial(look_at_source, settings, volume, state_dir)
        finding, blocks = await run_in_own_thread(look)
        findings.append(finding)
        block_count += blocks
    findings.append(look_at_state(state_dir, block_count))
    if settings.state_store is not None:
        from bulkput.jobs.check.state_store import look_at_store  # noqa: PLC0415 - who has one pays

        findings.append(await look_at_store(settings))
    return findings + await _check_service(settings, volumes, parallel)


async def _check_service(
    settings: JobSettings, volumes: Sequence[VolumeSettings], parallel: int
) -> list[Finding]:
    try:
        async with _opened(settings) as (service, probe):
            where = f"{service.region}, {service.endpoint_url}"
            found = [ok("region and endpoint", where)]
            visit = _Visit(settings, volumes, service, probe, parallel)
            found += await visit.findings()
            return found + (await visit.later_steps(settings) if volumes else [])
    except BulkputError as error:
        return [failed("region, endpoint and credentials", error)]


@contextlib.asynccontextmanager
async def _opened(settings: ServiceSettings) -> AsyncIterator[tuple[Service, Probe]]:
    async with open_connection(settings) as service:
        probe = Probe(service)
        yield service, probe


class _Visit:
    """One opened service, asked."""

    def __init__(
        self,
        settings: ServiceSettings,
        volumes: Sequence[VolumeSettings],
        service: Service,
        probe: Probe,
        parallel: int,
    ) -> None:
        self._settings = settings
        self._volumes = volumes
        self._service = service
        self._probe = probe
        self._parallel = parallel
        # One URL for EBS and EC2 does not lead to STS and Service Quotas, whoever's it is.
        self._is_aws = service.is_aws and settings.endpoint == "aws"
        self._retrier = Retrier(
            clock=service.clock,
            random=random.Random(),  # noqa: S311 - jitter, nothing secret
            recovery=service,
            deadline_s=_CALL_LIMIT_S,
        )

    async def findings(self) -> list[Finding]:
        """Ask one call alone; if it got through, all others together."""
        pending = await self._answered(self._probe.pending_snapshots)
        if isinstance(pending, ServiceError) and pending.failure in _END_OF_ALL:
            why = "not asked, because the first call failed"
            if pending.failure in NEVER_ANSWERED:
                return [
                    account.pending_snapshots(pending, None, self._parallel),
                    skipped("clock and other calls", why),
                ]
            names = (*ACCOUNT_LINES, *(action.name for action in ACTIONS))
            return [
                account.pending_snapshots(pending, None, self._parallel),
                account.clock(self._probe.clock_offset_s),
                *(skipped(name, why) for name in names),
            ]
        lines, actions, limit = await asyncio.gather(
            self._account(), self._actions(), self._pending_quota()
        )
        return [
            *lines,
            account.clock(self._probe.clock_offset_s),
            account.pending_snapshots(pending, limit, self._parallel),
            *actions,
        ]

    async def later_steps(self, settings: JobSettings) -> list[Finding]:
        """Try the permissions of what becomes of the snapshots."""
        calls = AccountCalls(self._service)
        trials = trials_of(settings, self._service.region)
        looks = (look_at_trial(trial, calls, self._run) for trial in trials)
        return list(await asyncio.gather(*looks))

    async def _account(self) -> list[Finding]:
        if not self._is_aws:
            return [skipped(name, _AWS_ONLY) for name in ACCOUNT_LINES]
        who, encrypts, quotas = await asyncio.gather(
            self._answered(self._probe.identity),
            self._answered(self._probe.encrypts_by_default),
            self._service.put_quotas(),
        )
        return [
            account.identity(who),
            account.default_encryption(encrypts, self._volumes),
            account.put_quotas(quotas, self._settings.tuning),
        ]

    async def _actions(self) -> list[Finding]:
        looks = (
            look_at_action(action, self._volumes, self._run, self._probe, is_aws=self._is_aws)
            for action in ACTIONS
        )
        return list(await asyncio.gather(*looks))

    async def _pending_quota(self) -> float | None:
        return await read_pending_quota(self._service.open_client) if self._is_aws else None

    async def _answered(self, call: Callable[[], Awaitable[T]]) -> T | BulkputError:
        """Return the answer, or the error that it is."""
        try:
            return await self._run(call)
        except BulkputError as error:
            return error

    async def _run(self, call: Callable[[], Awaitable[T]]) -> T:
        return await self._retrier.run(call, lambda _error, _delay_s: None)
