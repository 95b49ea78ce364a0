"""One volume's upload, kept in the state store of its job while it lasts."""

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from bulkput.jobs.session.state_store import StateStore
from bulkput.jobs.upload.source_samples import adapted_to, sample_digest
from bulkput.jobs.upload.volume_state import VolumeRun
from bulkput.ledger.folder import ensure_folder, ensure_state_dir
from bulkput.model.events import Noted
from bulkput.pipeline.cause import first_cause
from bulkput.source.source import Source
from bulkput.store.cut import Writer
from bulkput.store.keeper import Keeper
from bulkput.store.lease import lease_s
from bulkput.store.mirror import Held, Mirror
from bulkput.store.take_up import TakeUp


@contextlib.asynccontextmanager
async def kept(
    run: VolumeRun, store: StateStore, source: Source, folder: Path
) -> AsyncIterator[Keeper]:
    """Hold the upload in the store, take its ledger from there if that is further, and keep it.

    Raises:
        LedgerError: another host has it, or the store is of another version.
        BaseException: as what is done meanwhile.
    """
    keeper = await _begun(run, store, source, folder)
    try:
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(keeper.run())
            try:
                yield keeper
            finally:
                keeping.cancel()
    except BaseExceptionGroup as failures:
        raise first_cause(failures) from failures
    finally:
        stale = await keeper.end()
        if stale is not None:
            run.note(stale)


async def _begun(run: VolumeRun, store: StateStore, source: Source, folder: Path) -> Keeper:
    context = run.context
    await context.workers.run(partial(_ensure, context.state_dir, folder))
    samples = await context.workers.run(partial(sample_digest, source))
    mirror = partial(
        Mirror, store.objects, folder, samples=samples, workers=store.workers, clock=context.clock
    )

    def new_mirror(held: Held) -> Mirror:
        return mirror(held)

    def warn(text: str) -> None:
        context.observer.on_event(Noted(run.volume.label, text, warning=True))

    take_up = TakeUp(
        store.objects,
        folder,
        new_writer(store.interval_s, context.clock.unix_s()),
        adapt=partial(adapted_to, source, samples, run.volume.resume),
        note=run.note,
        workers=store.workers,
        clock=context.clock,
    )
    keeper = Keeper(
        take_up,
        new_mirror,
        shown=store.objects.shown,
        interval_s=store.interval_s,
        warn=warn,
        clock=context.clock,
        end_time=store.end_time,
        on_held=context.fence.hold_until,
    )
    await keeper.begin()
    return keeper


def new_writer(interval_s: float, now_unix_s: float) -> Writer:
    """Return a writer of cuts that is nobody else: this run."""
    return Writer(
        writer_id=secrets.token_hex(16),
        host=socket.gethostname(),
        process_id=os.getpid(),
        since_unix_s=now_unix_s,
        written_unix_s=now_unix_s,
        lease_s=lease_s(interval_s),
    )


def _ensure(state_dir: Path, folder: Path) -> None:
    ensure_state_dir(state_dir)
    ensure_folder(folder)
