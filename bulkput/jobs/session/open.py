"""What the verbs that read snapshots open: the service, its rate of gets, and threads."""

import contextlib
import os
import random
import re
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from bulkput.config.settings import Settings
from bulkput.ebs.deadlines import Deadlines
from bulkput.ebs.snapshot import SnapshotState
from bulkput.jobs.session.account_pacer import account_pacer
from bulkput.jobs.session.connection import Address, open_addressed
from bulkput.jobs.session.rate_limits import find_get_ceilings
from bulkput.jobs.session.snapshot_reader import Gets
from bulkput.jobs.session.threads import worker_count
from bulkput.ledger.folder import default_state_dir
from bulkput.model.errors import ConfigError, Problem, ServiceError, SnapshotError
from bulkput.model.events import Observer
from bulkput.model.failure import FailureClass
from bulkput.pipeline.retry import Retrier
from bulkput.pipeline.workers import ThreadWorkers

_SNAPSHOT_ID = re.compile(r"snap-[0-9a-f]{1,64}")


def require_snapshot_id(text: str, name: str = "SNAPSHOT") -> str:
    """Return ``text`` if it can be a snapshot's id.

    Raises:
        ConfigError: it cannot.
    """
    if _SNAPSHOT_ID.fullmatch(text) is None:
        raise ConfigError(
            (Problem(name, "expected a snapshot's id such as snap-0123456789abcdef0"),)
        )
    return text


def state_dir_of(settings: Settings) -> Path:
    """Return the state folder; it may not exist."""
    return settings.state_dir or default_state_dir(os.environ)


@contextlib.asynccontextmanager
async def open_gets(settings: Settings, observer: Observer) -> AsyncIterator[Gets]:
    """Open what reading a snapshot needs, and close it at the end.

    Raises:
        BulkputError: the service cannot be opened.
    """
    tuning = settings.tuning
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
    opened = open_addressed(address, connections_max=tuning.in_flight_max, deadlines=deadlines)
    async with opened as service:
        ceilings = await find_get_ceilings(tuning, service)
        workers = ThreadWorkers(worker_count(tuning))
        try:
            yield Gets(
                service=service,
                tuning=tuning,
                ceilings=ceilings,
                account=await account_pacer(service, "gets", ceilings.account_gets_per_s),
                workers=workers,
                clock=service.clock,
                random=random.Random(),  # noqa: S311 - jitter, nothing secret
                observer=observer,
            )
        finally:
            workers.close()


async def completed_snapshot(
    gets: Gets, snapshot_id: str, retrier: Retrier
) -> SnapshotState | None:
    """Return what EC2 says of a completed snapshot; None if EC2 may not be asked.

    Afterwards ``retrier`` waits for the direct side, which may lag a minute behind.

    Raises:
        SnapshotError: it is not completed, or EC2 does not know it.
    """
    call = partial(gets.service.control.describe_snapshot, snapshot_id)
    try:
        live = await retrier.run(call, gets.on_call_retry(snapshot_id))
    except ServiceError as error:
        if error.failure is not FailureClass.ACCESS_DENIED:
            raise
        return None
    if live is None:
        raise SnapshotError(snapshot_id, "EC2 does not know it in this Region and account")
    if live.state != "completed":
        why = f" ({live.state_message})" if live.state_message else ""
        raise SnapshotError(snapshot_id, f"is {live.state}{why}: only completed ones can be read")
    retrier.snapshot_started_s = gets.clock.monotonic_s()
    return live
