"""One volume from source to sealed snapshot: the order of the steps, and its outcome."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from bulkput.config.volume import VolumeSettings
from bulkput.jobs.lanes.pool import LanePool
from bulkput.jobs.session.context import JobContext
from bulkput.jobs.session.source import Opening, examine_volume, opening_of
from bulkput.jobs.upload.before_start import refuse_second_run, require_room_for
from bulkput.jobs.upload.complete_snapshot import seal
from bulkput.jobs.upload.earlier_run import (
    advance_series,
    finish_earlier,
    mark_reported,
    note_undelivered,
)
from bulkput.jobs.upload.keeping import Kept, keeping
from bulkput.jobs.upload.lease import keep_lease
from bulkput.jobs.upload.ledger import open_ledger
from bulkput.jobs.upload.put_blocks import put_blocks
from bulkput.jobs.upload.shelved_files import fetch_series, keep_results
from bulkput.jobs.upload.snapshot import UploadContext, UploadSnapshot
from bulkput.jobs.upload.start_or_resume import start_anew, start_or_resume
from bulkput.jobs.upload.volume_state import VolumeRun
from bulkput.ledger.header import LedgerPhase
from bulkput.ledger.ledger import Ledger
from bulkput.ledger.manifest import Manifest
from bulkput.ledger.series import Series
from bulkput.model.errors import BulkputError, SourceError, SourceInUseError
from bulkput.model.events import VolumeEnded, VolumeStarted
from bulkput.model.outcome import VolumeOutcome
from bulkput.model.progress import Phase, Progress
from bulkput.model.shortage import refused_call
from bulkput.source.source import Source
from bulkput.source.zero import LengthenedSource

if TYPE_CHECKING:
    from bulkput.jobs.lanes.copied_snapshot import CopiedSnapshot  # no upload copies

_DELETE_LIMIT_S = 10.0
"""For DeleteSnapshot after a failure: a second signal or a spot instance's end may be near."""


async def upload_volume(
    context: JobContext,
    volume: VolumeSettings,
    opening: Opening | None = None,
    lanes: LanePool | None = None,
    copied: "CopiedSnapshot | None" = None,
) -> VolumeOutcome:
    """Make a snapshot of one volume; what goes wrong with it is in the outcome.

    After a cancellation no put is under way and the ledger is closed: the same job resumes.

    Args:
        context: The job's.
        volume: The volume.
        opening: Of another source than the one that ``volume`` names.
        lanes: Processes that put blocks beside this one.
        copied: What they need of the source, if it is a snapshot.
    """
    progress = Progress(volume.label)
    run = VolumeRun(
        context,
        volume,
        opening or opening_of(context.settings, volume),
        progress,
        context.retrier(volume.label),
        context.clock.monotonic_s(),
        lanes=lanes,
        copied=copied,
    )
    context.observer.on_event(VolumeStarted(progress, volume.source.shown))
    failure: BulkputError | None = None
    try:
        await _upload(run)
    except (BulkputError, OSError) as error:  # the other volumes go on
        progress.phase = Phase.FAILED
        failure = error if isinstance(error, BulkputError) else refused_call(error)
        outcome = run.outcome(failure)
    else:
        progress.phase = Phase.DONE
        outcome = run.outcome()
    context.observer.on_event(VolumeEnded(outcome))
    if failure is not None and context.concerns_all_volumes(failure):
        raise failure
    return outcome


async def _upload(run: VolumeRun) -> None:
    source = await _open_source(run)
    try:
        run.progress.begin_blocks(source.block_count)
        run.source_format = source.format
        await _examine(run, source)
        async with keeping(run, source) as kept:
            await _upload_kept(run, source, kept)
    finally:
        source.close()


async def _upload_kept(run: VolumeRun, source: Source, kept: Kept) -> None:
    ledger = await run.context.workers.run(lambda: open_ledger(run.context, run.volume, source))
    run.ledger_folder = ledger.folder
    try:
        await run.context.workers.run(partial(mark_reported, run.context, ledger))
        if ledger.header.snapshot_id is None:
            await _require_room(run, ledger, source)
            # With its token: another host's start then gives the same snapshot.
            await kept.cut_now(is_needed=run.context.fence.is_needed)
        await fetch_series(run)
        with _series(run) as series:
            await _upload_source(run, source, ledger, series, kept)
            await keep_results(run)
    except BaseException:
        if run.volume.on_failure == "delete":
            await _delete(run, ledger)
        raise
    finally:
        run.snapshot_phase = str(ledger.header.phase)
        await run.context.workers.run(ledger.close)


async def _examine(run: VolumeRun, source: Source) -> None:
    """Note what is odd in the source before any of it is sent."""
    content = await run.context.workers.run(partial(examine_volume, source, run.volume))
    for note in content.notes:
        run.note(note)


async def _open_source(run: VolumeRun) -> Source:
    try:
        return await run.context.workers.run(run.opening.open)
    except SourceInUseError as error:
        await run.context.workers.run(partial(refuse_second_run, run.context, run.volume, error))
        raise


@contextmanager
def _series(run: VolumeRun) -> Iterator[Series | None]:
    """Hold the series that the volume belongs to, if it does."""
    name, context = run.volume.series, run.context
    if name is None:
        yield None
    else:
        with Series(
            context.state_dir,
            name,
            endpoint_url=context.endpoint_url,
            region=context.service.region,
        ) as series:
            yield series


async def _upload_source(
    run: VolumeRun, source: Source, ledger: Ledger, series: Series | None, kept: Kept
) -> None:
    run.enter(Phase.STARTING)
    upload_snapshot, place = await start_or_resume(
        UploadContext(
            run.context,
            run.volume,
            source,
            ledger,
            run.retrier,
            run.progress,
            run.note,
            series=series,
            unwritten_is_undefined=run.opening.unwritten_is_undefined,
        )
    )
    kept.want_cut()
    note_undelivered(run, ledger.header.undelivered)
    is_answer = False
    if upload_snapshot.only_wait:
        if run.context.fence.is_needed:  # that it was about to be sealed, this host alone may know
            await kept.cut_now(is_needed=True)
        async with keep_lease(run, ledger, upload_snapshot.snapshot_id):
            is_answer = await finish_earlier(run, upload_snapshot, place)
        if not is_answer:
            run.enter(Phase.STARTING)
            upload_snapshot, place = await start_anew(place)
    run.progress.snapshot_id = upload_snapshot.snapshot_id
    run.parent_snapshot_id = ledger.header.parent_snapshot_id
    run.volume_size_gib = ledger.header.volume_size_gib
    run.earlier_snapshots = ledger.header.undelivered
    if not is_answer:
        source = _lengthened(run, source, ledger)
        async with keep_lease(run, ledger, upload_snapshot.snapshot_id):
            await _put_and_seal(run, upload_snapshot, source, place, kept)
    if run.progress.blocks_skipped_zero or run.progress.blocks_skipped_hole:
        run.note(upload_snapshot.zeros.reason)
    if run.status == "completed" and run.volume.verify != "none":
        from bulkput.jobs.upload.read_back import read_back  # noqa: PLC0415 - see import_for_later

        await read_back(run, upload_snapshot, source, ledger)
    if run.status == "completed":
        advance_series(run, upload_snapshot, place)
    if run.status == "completed" and run.volume.is_published:
        from bulkput.jobs.upload.publish import publish  # noqa: PLC0415 - see import_for_later

        await publish(run, upload_snapshot.snapshot_id)


def _lengthened(run: VolumeRun, source: Source, ledger: Ledger) -> Source:
    """Return the source with zeros up to the parent's last block, which must be put as such."""
    beyond = ledger.header.block_count - source.block_count
    if beyond <= 0:
        return source
    run.note(
        f"the source ends before the parent's last block: what the parent has in the {beyond} "
        "blocks behind the end is put as zeros"
    )
    source = LengthenedSource(source, ledger.header.block_count)
    run.progress.begin_blocks(source.block_count)
    return source


async def _put_and_seal(
    run: VolumeRun,
    upload_snapshot: UploadSnapshot,
    source: Source,
    place: UploadContext,
    kept: Kept,
) -> None:
    """Put what is missing, look at the source once more, and bring the snapshot to its end."""
    context, ledger, parent = run.context, place.ledger, place.parent
    marks_holes = upload_snapshot.zeros.put_holes
    await _require_room(run, ledger, source, parent=parent, marks_holes=marks_holes)
    run.enter(Phase.UPLOADING)
    began_s = context.clock.monotonic_s()
    try:
        await put_blocks(run, upload_snapshot, source, ledger, parent)
    finally:
        run.upload_s = context.clock.monotonic_s() - began_s
    ending = await context.workers.run(source.check_complete)
    if ending is not None:
        run.note(ending)
    await context.workers.run(partial(_check_source, run, source))
    _seal_ledger(run, source, ledger)
    # Whoever has lost the upload seals nothing, and nothing is sealed that others do not know of.
    await kept.cut_now(is_needed=run.context.fence.is_needed)
    await seal(run, upload_snapshot, place)


async def _require_room(
    run: VolumeRun,
    ledger: Ledger,
    source: Source,
    *,
    parent: Manifest | None = None,
    marks_holes: bool = False,
) -> None:
    look = partial(require_room_for, ledger, source, parent=parent, marks_holes=marks_holes)
    await run.context.workers.run(look)


def _check_source(run: VolumeRun, source: Source) -> None:
    """Refuse to seal what was read from a source that changed, unless that is wanted."""
    try:
        source.check_unchanged()
    except SourceError as error:
        if not run.volume.allow_changing_source:
            raise
        run.notes.append(f"{error}: each block is as it was when it was put")


def _seal_ledger(run: VolumeRun, source: Source, ledger: Ledger) -> None:
    """Note that nothing is put any more, and that every mark is of this very source now."""
    ledger.amend(
        replace(
            ledger.header,
            phase=LedgerPhase.SEALING,
            source_identity=source.identity.as_dict(),
            size_bytes=source.size_bytes,
            updated_unix_s=run.context.clock.unix_s(),
        )
    )


async def _delete(run: VolumeRun, ledger: Ledger) -> None:
    """Delete the pending snapshot of a volume that failed, as ``on_failure`` asks."""
    header = ledger.header
    if header.snapshot_id is None or header.phase is not LedgerPhase.UPLOADING:
        return
    try:
        async with asyncio.timeout(_DELETE_LIMIT_S):
            await run.snapshots.delete(header.snapshot_id)
    except (BulkputError, TimeoutError) as error:
        run.note(f"{header.snapshot_id} could not be deleted and stays pending: {error}")
    else:
        run.note_phase(ledger, LedgerPhase.FAILED)
        run.note(f"{header.snapshot_id} was deleted, as on_failure is set")
