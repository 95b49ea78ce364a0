"""The ``verify`` step of an upload: its snapshot is read back and compared."""

from contextlib import ExitStack
from functools import partial

from bulkput.jobs.upload.snapshot import UploadSnapshot
from bulkput.jobs.upload.volume_state import VolumeRun
from bulkput.jobs.verify.compare import CompareRequest, Findings, compare_snapshot, sample_text
from bulkput.ledger.header import LedgerPhase
from bulkput.ledger.ledger import Ledger
from bulkput.ledger.manifest import Manifest, manifest_path
from bulkput.model.block import block_count
from bulkput.model.disk_format import shared_decoder_note
from bulkput.model.errors import IntegrityError, SourceError
from bulkput.model.progress import Phase
from bulkput.pipeline.readback import Sample
from bulkput.pipeline.reference import ManifestReference, Reference, SourceReference
from bulkput.source.source import Source


async def read_back(
    run: VolumeRun, upload_snapshot: UploadSnapshot, source: Source | None, ledger: Ledger
) -> None:
    """Compare the snapshot with its source: none, a sample or all of it, as configured.

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
            findings, note = await verify_volume(run, upload_snapshot.snapshot_id, references)
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


async def verify_volume(
    run: VolumeRun, snapshot_id: str, references: tuple[Reference, ...]
) -> tuple[Findings, str | None]:
    """Compare as much as ``volume.verify`` asks for; return what differs and a note.

    Raises:
        BulkputError: something could not be read.
    """
    context, volume = run.context, run.volume
    live = await context.gets.snapshots(run.retrier, snapshot_id).describe_completed(snapshot_id)
    sample = None
    if volume.verify == "sample":
        sample = Sample(block_count(volume.verify_sample_bytes), context.random.getrandbits(32))
    findings = Findings()
    compared = await compare_snapshot(
        context.gets,
        run.retrier,
        CompareRequest(
            references,
            on_difference=findings.take,
            memory_budget_bytes=context.memory_budget_bytes,
            sample=sample,
            lanes=run.lanes,
        ),
        run.progress,
        live=live,
    )
    return findings, None if sample is None else sample_text(compared, sample)


def _condemn(run: VolumeRun, ledger: Ledger, snapshot_id: str) -> None:
    run.note_phase(ledger, LedgerPhase.FAILED)
    # It does not describe what the snapshot holds: nothing may be compared with it.
    run.drop_manifest(manifest_path(run.context.state_dir, snapshot_id))


def _references(
    run: VolumeRun, source: Source | None, ledger: Ledger, stack: ExitStack
) -> tuple[Reference, ...]:
    """Return the source, if it is here, and the manifest, if there is one. Blocks."""
    references: tuple[Reference, ...] = ()
    if run.manifest is not None:
        manifest = Manifest.open(run.manifest)
        reference = ManifestReference(stack.enter_context(manifest))
        references = (reference,)
        if source is not None:  # nothing is known of the volume beyond both of them
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
    if not source.reports_changes:
        return True
    try:
        source.check_unchanged()
    except SourceError:
        return True
    return False


def _report_change(run: VolumeRun, source: Source, findings: Findings) -> None:
    """Report that the snapshot is good, and the source something else by now.

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
