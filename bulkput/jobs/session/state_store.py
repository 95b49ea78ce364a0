"""The state store of a job: opened, with the one way in which failed calls are repeated."""

import contextlib
import logging
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial

from bulkput.config.service import ServiceSettings
from bulkput.ebs.aws_session import new_session
from bulkput.ebs.credentials import ChainCredentials, CredentialSource
from bulkput.jobs.session.connection import state_dir_of
from bulkput.jobs.session.repeated_store import CALL_LIMIT_S, RepeatedStore
from bulkput.jobs.state.shelved import manifest_name
from bulkput.ledger.manifest import manifest_path
from bulkput.model.clock import Clock, LoopClock
from bulkput.pipeline.retry import Retrier
from bulkput.pipeline.workers import ThreadWorkers, Workers
from bulkput.store.address import store_address
from bulkput.store.keeper import EndTime
from bulkput.store.object_store import ObjectStore
from bulkput.store.s3 import S3Store
from bulkput.store.s3_place import find_s3
from bulkput.store.s3_requests import S3Requests
from bulkput.store.shelf import Shelf

_log = logging.getLogger(__name__)

_REGION_DEFAULT = "us-east-1"
"""S3 itself says where the bucket is."""


@dataclass(frozen=True)
class StateStore:
    """What the volumes of a job use of the store."""

    objects: ObjectStore
    workers: Workers
    """One thread of its own, which no block waits for."""
    interval_s: float
    shelf: Shelf
    """The whole files of the state folder."""
    end_time: EndTime = field(default_factory=EndTime)
    """For the last cuts of all volumes."""


@contextlib.asynccontextmanager
async def open_state_store(
    settings: ServiceSettings,
    *,
    clock: Clock,
    warn: Callable[[str], None],
    region: str | None = None,
    credentials: CredentialSource | None = None,
) -> AsyncIterator[StateStore]:
    """Open the store that ``settings`` name, and close it at the end.

    Args:
        settings: With a store.
        clock: For signatures and waits.
        warn: Told once that files cannot be read or written.
        region: Where the bucket is looked for first; None is that of ``settings``.
        credentials: Of the account; None reads the AWS chain.

    Raises:
        ConfigError: the endpoint, the profile or the authorities cannot be used.
    """
    assert settings.state_store is not None  # noqa: S101 - seen by the caller
    place = await find_s3(
        region=region or settings.region or _REGION_DEFAULT,
        profile=settings.profile,
        allow_insecure_http=settings.allow_insecure_http,
    )
    credentials = credentials or ChainCredentials(
        partial(new_session, settings.profile), clock.monotonic_s
    )
    address = store_address(settings.state_store)
    workers = ThreadWorkers(1)
    try:
        async with S3Requests(address, place, credentials=credentials, clock=clock) as requests:
            retrier = Retrier(
                clock=clock,
                random=random.Random(),  # noqa: S311 - jitter, nothing secret
                recovery=requests,
                deadline_s=CALL_LIMIT_S,
            )
            objects = RepeatedStore(S3Store(address, requests), retrier)
            shelf = Shelf(objects, state_dir_of(settings), workers, warn)
            yield StateStore(objects, workers, settings.store_interval_s, shelf)
    finally:
        workers.close()


async def fetch_manifest(settings: ServiceSettings, snapshot_id: str) -> None:
    """Bring the manifest of a snapshot into the state folder, if there is none and a store has it.

    Raises:
        ConfigError: the store's endpoint, the profile or the authorities cannot be used.
    """
    path = manifest_path(state_dir_of(settings), snapshot_id)
    if settings.state_store is None or path.exists():
        return
    async with open_state_store(settings, clock=LoopClock(), warn=_log.warning) as store:
        await store.shelf.fetch_large(manifest_name(snapshot_id))
