"""The state store, as the verbs use it; no functions of the library."""

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from bulkput.api.status import KnownJobs
from bulkput.config.service import ServiceSettings
from bulkput.jobs.session.state_store import StateStore, open_state_store
from bulkput.jobs.session.store_apart import fetch_record
from bulkput.jobs.stored import (
    StoredUpload,
    damaged_pieces,
    prunable,
    read_stored,
    remove_stored,
    shown_address,
    take_to_give_up,
)
from bulkput.jobs.stored_jobs import is_further, newest_records, read_stored_records
from bulkput.model.clock import LoopClock
from bulkput.model.errors import ConfigError, Problem

__all__ = [
    "StoredUpload",
    "fetch_record",
    "forget_upload",
    "hold_upload",
    "known_in_store",
    "prune",
    "shown_address",
    "stored_uploads",
    "verify_stored",
]

Note = Callable[[str], None]
"""Tells the user one sentence."""


async def stored_uploads(settings: ServiceSettings, note: Note) -> list[StoredUpload]:
    """Return all uploads in the store, of all hosts, by name.

    Raises:
        BulkputError: there is no store, or it cannot be read.
    """
    async with _opened(settings, note) as store:
        return await read_stored(store.objects, LoopClock().unix_s())


async def known_in_store(settings: ServiceSettings, state_dir: Path, note: Note) -> KnownJobs:
    """Return what is known of jobs here and in the store.

    Raises:
        BulkputError: the store or the state folder cannot be read.
    """
    async with _opened(settings, note) as store:
        uploads = await read_stored(store.objects, LoopClock().unix_s())
        records = newest_records(state_dir, await read_stored_records(store.objects))
    further = {each.name: each.unfinished for each in uploads if is_further(each, state_dir)}
    return KnownJobs(records, uploads, further)


async def verify_stored(settings: ServiceSettings, note: Note) -> tuple[int, list[str]]:
    """Read all of the store's ledgers; return how many there are, and what is wrong with them.

    Raises:
        BulkputError: there is no store, or it cannot be read.
    """
    async with _opened(settings, note) as store:
        uploads = await read_stored(store.objects, LoopClock().unix_s())
        wrong = [each for upload in uploads for each in await damaged_pieces(store.objects, upload)]
        return len(uploads), wrong


async def prune(
    settings: ServiceSettings, note: Note, *, older_than_s: float, delete: bool
) -> list[tuple[str, str]]:
    """Return what nobody needs any more, as key and reason; with ``delete`` it is removed.

    Raises:
        BulkputError: there is no store, or it cannot be used.
    """
    async with _opened(settings, note) as store:
        found = [each async for each in prunable(store.objects, older_than_s, LoopClock().unix_s())]
        for key, _ in found if delete else ():
            await store.objects.delete(key)
        return found


async def hold_upload(
    settings: ServiceSettings, state_dir: Path, wanted: str, note: Note
) -> Path | None:
    """Do as ``take_to_give_up``.

    Raises:
        BulkputError: another host works on it, or the store cannot be used.
    """
    async with _opened(settings, note) as store:
        return await take_to_give_up(store, state_dir, wanted, note, LoopClock())


async def forget_upload(settings: ServiceSettings, name: str, note: Note) -> None:
    """Remove an upload from the store.

    Raises:
        BulkputError: the store cannot be used.
    """
    async with _opened(settings, note) as store:
        await remove_stored(store.objects, name)


@contextlib.asynccontextmanager
async def _opened(settings: ServiceSettings, note: Note) -> AsyncIterator[StateStore]:
    if settings.state_store is None:
        expected = "expected the address of a store, as --state-store s3://bucket/prefix"
        raise ConfigError((Problem("state_store", expected),))
    async with open_state_store(settings, clock=LoopClock(), warn=note) as store:
        yield store
