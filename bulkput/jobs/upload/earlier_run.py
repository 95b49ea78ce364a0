"""A snapshot that an earlier run sealed: completed, and compared with the source as it is now.

Such a run died, or could not deliver its result. Its snapshot is this run's answer only if the
source holds the same now: by an identity that vouches for that, or by reading all of it.
"""

from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bulkput import __version__
from bulkput.jobs.session.context import JobContext
from bulkput.jobs.upload.complete_snapshot import seal
from bulkput.jobs.upload.resume_decision import EarlierAnswer, decide_answer
from bulkput.jobs.upload.shelved_files import fetch_manifest
from bulkput.jobs.upload.snapshot import UploadContext, UploadSnapshot
from bulkput.jobs.upload.volume_state import VolumeRun
from bulkput.ledger.header import LedgerHeader, LedgerPhase
from bulkput.ledger.ledger import Ledger
from bulkput.ledger.manifest import Manifest, manifest_path
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.disk_map import BlockFate
from bulkput.model.errors import IntegrityError, ManifestError, SourceError
from bulkput.model.outcome import EarlierRun
from bulkput.model.progress import Phase
from bulkput.pipeline.baseline import Baseline
from bulkput.pipeline.survey import SurveyPolicy, Tally, survey_blocks
from bulkput.source.zero import LengthenedSource


def note_undelivered(run: VolumeRun, snapshot_ids: tuple[str, ...]) -> None:
    """Note the snapshots whose results were not delivered, except the one in the ledger."""
    if snapshot_ids:
        run.note(
            f"earlier runs of this upload completed {', '.join(snapshot_ids)} and ended before "
            "they reported it: these hold the source as it was then, and are kept"
        )


def mark_reported(context: JobContext, ledger: Ledger) -> None:
    """Mark a sealed snapshot as delivered whose result the job has reported. Blocks.

    Raises:
        LedgerError: the header cannot be written.
        TemporaryError: the disk is full.
    """
    header, reported = ledger.header, context.delivered
    if header.delivered or header.phase not in (LedgerPhase.SEALING, LedgerPhase.COMPLETED):
        return
    if reported is None or header.snapshot_id in reported:
        ledger.amend(replace(header, delivered=True))


async def finish_earlier(
    run: VolumeRun, upload_snapshot: UploadSnapshot, place: UploadContext
) -> bool:
    """Complete the earlier run's snapshot; return whether it is this run's result too.

    Raises:
        SnapshotError: it ended in ``error``.
        BulkputError: the source, the ledger or the service refused.
    """
    header = place.ledger.header
    run.progress.snapshot_id = upload_snapshot.snapshot_id
    await _finish(run, upload_snapshot, place)
    compared = await _compared(run, upload_snapshot, place, header)
    if compared is None:
        is_known = place.source.size_bytes != header.size_bytes
        is_compared = is_known or run.progress.phase is Phase.COMPARING
        await _let_go(run, upload_snapshot, place)
        run.note(_kept(run, header, is_compared=is_compared))
        run.forget_snapshot()
        return False
    run.earlier_run = EarlierRun(header.created_unix_s, compared)
    run.note(_answers(run, header, compared))
    counts = await run.context.workers.run(place.ledger.counts)
    await run.context.workers.run(partial(_map_resumed, run, place.ledger))
    run.progress.blocks_resumed = counts.acknowledged
    run.progress.blocks_skipped_zero = counts.skipped_zero
    run.progress.blocks_unchanged = counts.unchanged
    return True


def _map_resumed(run: VolumeRun, ledger: Ledger) -> None:
    for extent in ledger.acknowledged():
        run.progress.disk.add(BlockFate.RESUMED, extent.start, extent.stop)


async def _finish(run: VolumeRun, upload_snapshot: UploadSnapshot, place: UploadContext) -> None:
    context = run.context
    if upload_snapshot.is_completed:
        # A mark that was damaged since takes the checksum from the result, not the snapshot.
        with suppress(IntegrityError):
            run.linear = await context.workers.run(place.ledger.linear)
        await fetch_manifest(context, upload_snapshot.snapshot_id)
        kept = manifest_path(context.state_dir, upload_snapshot.snapshot_id)
        run.manifest = kept if await context.workers.run(partial(_is_sound, kept)) else None
        run.status = "completed"
    else:
        await seal(run, upload_snapshot, place)


def _is_sound(manifest: Path) -> bool:
    """Return whether a manifest is there, and was not damaged since. Blocks."""
    try:
        Manifest.open(manifest).close()
    except ManifestError:
        return False
    return True


async def _let_go(run: VolumeRun, upload_snapshot: UploadSnapshot, place: UploadContext) -> None:
    """Verify a snapshot that is not this run's result, as its own run would have; build on it."""
    if run.status != "completed":
        return
    if place.volume.verify != "none" and run.manifest is not None:
        from bulkput.jobs.upload.read_back import read_back  # noqa: PLC0415 - see import_for_later

        await read_back(run, upload_snapshot, None, place.ledger)
    advance_series(run, upload_snapshot, place)


def advance_series(run: VolumeRun, upload_snapshot: UploadSnapshot, place: UploadContext) -> None:
    """Let the series, if the volume belongs to one, go on from a completed snapshot."""
    series, header = place.series, place.ledger.header
    if series is None:
        return
    goes_on = series.advance(
        upload_snapshot.snapshot_id,
        parent_snapshot_id=header.parent_snapshot_id,
        begun_unix_s=header.created_unix_s,
        now_unix_s=run.context.clock.unix_s(),
        program_version=__version__,
    )
    if not goes_on and series.last is not None:
        run.note(
            f"the series {series.name} went on to {series.last.snapshot_id} since "
            f"{upload_snapshot.snapshot_id} was begun, and stays there: the next increment builds "
            "on that one"
        )


async def _compared(
    run: VolumeRun, upload_snapshot: UploadSnapshot, place: UploadContext, header: LedgerHeader
) -> str | None:
    """Return how the source was compared with the snapshot and found the same; None if it was not.

    Returns:
        As ``EarlierRun.source_compared``.
    """
    source = place.source
    decision = decide_answer(
        header,
        source,
        resume=place.volume.resume,
        zero_policy=upload_snapshot.zeros.policy,
    )
    if decision is EarlierAnswer.START_NEW:
        return None
    if decision is EarlierAnswer.REPORT:
        return "identity" if source.reports_changes else "trusted"
    run.enter(Phase.COMPARING, upload_snapshot.snapshot_id)
    same = await _holds_the_same(run, upload_snapshot, place)
    return "content" if same else None


class _Reference(NamedTuple):
    """What the snapshot shows."""

    known: Ledger | None
    baseline: Baseline | None
    stop: int


async def _holds_the_same(
    run: VolumeRun, upload_snapshot: UploadSnapshot, place: UploadContext
) -> bool:
    """Read the source up to the first block that differs."""
    context = run.context
    with ExitStack() as stack:
        reference = await context.workers.run(partial(_reference, run, place, stack))
        source = place.source
        if source.is_sequential:  # it is read once more for the upload, if it differs
            source = await context.workers.run(run.opening.open)
            stack.callback(source.close)
        if reference.stop > source.block_count:
            source = LengthenedSource(source, reference.stop)
        policy = SurveyPolicy(
            zeros=upload_snapshot.zeros,
            trust_ledger=False,
            window_blocks=context.window_blocks,
            reads=True,
            stops_at_put=True,
            windows_max=context.memory_budget_bytes // (context.window_blocks * BLOCK_SIZE_BYTES),
        )

        def on_progress(tally: Tally) -> None:
            run.progress.blocks_resumed = tally.settled

        tally = await survey_blocks(
            source, reference.known, reference.baseline, policy, context.workers, on_progress
        )
        if tally.puts:
            return False
        try:
            await context.workers.run(source.check_complete)
            await context.workers.run(source.check_unchanged)
        except SourceError:  # the upload meets it again, and reports it
            return False
    return True


def _reference(run: VolumeRun, place: UploadContext, stack: ExitStack) -> _Reference:
    """Return the manifest; where there is none, the ledger over the parent's manifest."""
    if run.manifest is not None:
        manifest = stack.enter_context(Manifest.open(run.manifest))
        return _Reference(None, manifest, manifest.stop)
    ledger = place.ledger
    parent_stop = 0 if place.parent is None else place.parent.stop
    return _Reference(ledger, place.parent, max(ledger.header.block_count, parent_stop))


def _run_of(run: VolumeRun, header: LedgerHeader) -> str:
    began = datetime.fromtimestamp(header.created_unix_s, UTC)
    request, end = run.context.settings.request, "ended before it reported the result"
    if header.delivered:
        end = "did not wait for it"
    elif request is not None and not request.is_of_one:
        end = "ended before its job was done"
    return f"an earlier run, begun {began:%Y-%m-%d %H:%M:%S} UTC, which {end}"


_COMPARED = {
    "content": "This run read {source} and compared it with the snapshot: it holds the same",
    "identity": "{source} has not changed since, by its size, inode and times",
    "trusted": "{source} was not read again, as resume: trust says",
}


def _answers(run: VolumeRun, header: LedgerHeader, compared: str) -> str:
    words = _COMPARED[compared].format(source=run.volume.source.shown)
    return f"{header.snapshot_id} is of {_run_of(run, header)}. {words}"


def _kept(run: VolumeRun, header: LedgerHeader, *, is_compared: bool) -> str:
    state = "was completed" if run.status == "completed" else "was sealed"
    now = "holds something else" if is_compared else "may hold something else"
    source = run.volume.source.shown
    return (
        f"{header.snapshot_id} {state} by {_run_of(run, header)}: it holds {source} as it was "
        f"then, and is kept. The source {now} now: starting a new snapshot"
    )
