"""The state store before and after a run, where there is no event loop: each look has its own.

None of it ends what it is a help to: what cannot be had is as if it were not there.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path

from bulkput.config.job_request import JobIdentity
from bulkput.config.service import ServiceSettings
from bulkput.jobs.session.state_store import StateStore, open_state_store
from bulkput.jobs.state.shelved import is_newer_record, record_name
from bulkput.model.clock import LoopClock
from bulkput.model.errors import BulkputError
from bulkput.store.afterwards import keep_header

_LIMIT_S = 3.0
"""Two requests for each volume, a tenth of a second; a store that is down keeps nobody longer."""


def fetch_record(settings: ServiceSettings, identity: JobIdentity) -> None:
    """Bring the record of a job up to date. Blocks.

    Args:
        settings: With a store.
        identity: Of the job.
    """
    _look(settings, lambda store: store.shelf.fetch(record_name(identity), is_newer_record))


def keep_delivered(
    settings: ServiceSettings, folders: Sequence[Path], identity: JobIdentity | None
) -> None:
    """Let other machines know that results were delivered, so that they begin anew. Blocks.

    Args:
        settings: With a store.
        folders: Of the ledgers.
        identity: Of the job, if it is one.
    """

    async def keep(store: StateStore) -> None:
        for folder in folders:
            with suppress(BulkputError):
                await keep_header(store.objects, folder, store.workers)
        if identity is not None:
            await store.shelf.keep([record_name(identity)])

    _look(settings, keep)


def _look(settings: ServiceSettings, work: Callable[[StateStore], Awaitable[None]]) -> None:
    async def look() -> None:
        def untold(_: str) -> None:
            """Say nothing: a run warns by itself."""

        opened = open_state_store(settings, clock=LoopClock(), warn=untold)
        async with asyncio.timeout(_LIMIT_S), opened as store:
            await work(store)

    def run() -> None:
        with suppress(BulkputError, TimeoutError, OSError):
            asyncio.run(look())

    # A thread, because whoever calls may be within a loop already.
    thread = threading.Thread(target=run, name="bulkput-store", daemon=True)
    with suppress(RuntimeError):  # no more threads
        thread.start()
        thread.join(_LIMIT_S + 1)
