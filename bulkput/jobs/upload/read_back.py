"""The end of a volume: its snapshot is sealed, waited for, kept in a manifest, and proved."""

from contextlib import ExitStack
from functools import partial

from bulkput.jobs.upload.complete_snapshot import Sealing, complete, wait_until_completed
from bulkput.jobs.upload.encryption import require_all_blocks
from bulkput.jobs.upload.manifest import keep_manifest
from bulkput.jobs.upload.own_size import require_full_size
from bulkput.jobs.upload.snapshot import UploadContext
from bulkput.jobs.upload.start_or_resume import UploadSnapshot
from bulkput.jobs.upload.volume_state import VolumeRun
from bulkput.jobs.verify.compare import Findings, verify_volume
from bulkput.ledger.header import LedgerPhase
from bulkput.ledger.ledger import Ledger
from bulkput.ledger.manifest import Manifest, manifest_path
from bulkput.model.disk_format import shared_decoder_note
from bulkput.model.errors import AnswerError, IntegrityError, SnapshotError, SourceError
from bulkput.model.progress import Phase
from bulkput.pipeline.reference import ManifestReference, Reference, SourceReference
from bulkput.source.source import Source


async def seal(run: VolumeRun, upload_snapshot: UploadSnapshot, place: UploadContext) -> None:
    """Seal the snapshot and, if that is wanted, wait until it is completed; keep its manifest.

    Raises:
        IntegrityError: a block may be in the snapshot without an acknowledged digest.
        SnapshotError: it ended in ``error``, or is encrypted and lacks blocks of zeros.
        BulkputError: the service or the disk refused.
    """
    context, volume, ledger = run.context, run.volume, place.ledger
    run.enter(Phase.SEALING)
    try:
        run.linear = await context.workers.run(ledger.linear)
    except IntegrityError:
        run.note_phase(ledger, LedgerPhase.UPLOADING)  # a later run puts what the ledger has lost
        raise
    sealing = Sealing(
        context.service.control, run.retrier, context.clock, context.on_call_retry(volume.label)
    )
    try:
        await complete(upload_snapshot.snapshot_id, *run.linear, sealing)
    except SnapshotError:
        run.note_phase(ledger, LedgerPhase.FAILED)
        raise
    run.status = "pending"
    if not volume.snapshot.wait:
        return
    run.enter(Phase.WAITING)
    limit_s = context.settings.tuning.completion_deadline_s
    try:
        live = await wait_until_completed(upload_snapshot.snapshot_id, limit_s, sealing)
        require_all_blocks(ledger.header, live)
    except SnapshotError:
        run.note_phase(ledger, LedgerPhase.FAILED)
        raise
    # Before the ledger says that all is done: after a crash in between, the next run writes it.
    kept = await keep_manifest(place)
    run.manifest = kept.path
    try:
        await require_full_size(place, live, kept.present_count)
    except AnswerError:
        kept.path.unlink(missing_ok=True)  # what it says, EC2 contradicts
        run.manifest = None
        raise
    run.note_phase(ledger, LedgerPhase.COMPLETED)
    run.status = "completed"


async def read_back(
    run: VolumeRun, upload_snapshot: UploadSnapshot, source: Source | None, ledger: Ledger
) -> None:
    """Compare the snapshot with its source, as much of it as ``verify`` says.

    With its manifest as well: where that is as it should be, and the source is not, the snapshot
    holds what was read, and the source has changed since.

    Args:
        run: The volume's.
        upload_snapshot: The snapshot, completed.
        source: None of a snapshot that is of the source as it was: the manifest is all there is.
        ledger: Of the snapshot.

    Raises:
        IntegrityError: the snapshot is not what it should be.
        SourceError: the source is not any more what was read.
        BulkputError: something could not be read.
    """
    run.enter(Phase.VERIFYING)
    with ExitStack() as stack:
        references = await run.context.workers.run(partial(_references, run, source, ledger, stack))
        try:
            findings, note = await verify_volume(
                run.context,
                run.retrier,
                run.volume,
                upload_snapshot.snapshot_id,
                references,
                run.progress,
            )
        except IntegrityError:
            _condemn(run, ledger, upload_snapshot.snapshot_id)
            raise
    for each in (note, shared_decoder_note(run.source_format)):
        if each is not None:
            run.note(each)
    if not findings.range_count:
        run.verified = run.volume.verify
    elif (
        source is not None
        and len(references) > 1
        and "manifest" not in findings.references
        and _may_differ(source)
    ):
        _report_change(run, source, findings)
    else:
        _condemn(run, ledger, upload_snapshot.snapshot_id)
        compared_with = "its manifest" if source is None else str(source.path)
        raise findings.error(upload_snapshot.snapshot_id, compared_with)


def _condemn(run: VolumeRun, ledger: Ledger, snapshot_id: str) -> None:
    run.note_phase(ledger, LedgerPhase.FAILED)
    # What it says is not what the snapshot holds: nothing may be compared with it.
    manifest_path(run.context.state_dir, snapshot_id).unlink(missing_ok=True)
    run.manifest = None


def _references(
    run: VolumeRun, source: Source | None, ledger: Ledger, stack: ExitStack
) -> tuple[Reference, ...]:
    """Return the source, if it is here, and the manifest, if there is one. Blocks."""
    references: tuple[Reference, ...] = ()
    if run.manifest is not None:
        manifest = Manifest.open(run.manifest)
        reference = ManifestReference(stack.enter_context(manifest))
        references = (reference,)
        if source is not None:  # nothing is said of the volume's end beyond both of them
            reference.block_count = max(source.block_count, manifest.stop)
        if run.opening.verifies_by_manifest:
            return references
    if source is None:
        return references
    if source.is_sequential:  # it is at its end, and is read from the front again
        source = run.opening.open()
        stack.callback(source.close)
    return (*references, SourceReference(source, encrypted=ledger.header.encrypted))


def _may_differ(source: Source) -> bool:
    """Return whether a source that reads otherwise now may simply have been written to."""
    if not source.tells_changes:
        return True
    try:
        source.check_unchanged()
    except SourceError:
        return True
    return False


def _report_change(run: VolumeRun, source: Source, findings: Findings) -> None:
    """Tell that the snapshot is good, and the source something else by now.

    Raises:
        SourceError: that is not wanted.
    """
    what = (
        f"holds something else in {findings.block_count} blocks than when it was read: something "
        f"writes to it. {run.progress.snapshot_id} is completed, and holds what was read"
    )
    if not run.volume.allow_changing_source:
        raise SourceError(source.path, what)
    run.note(f"{source.path} {what}")
