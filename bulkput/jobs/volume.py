"""One volume from source to sealed snapshot: the order of the steps, and its outcome."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from bulkput import __version__
from bulkput.config.volume import VolumeSettings
from bulkput.jobs.birth import Birth, find_or_start, open_ledger
from bulkput.jobs.birthplace import Birthplace
from bulkput.jobs.compare import verify_volume
from bulkput.jobs.context import JobContext
from bulkput.jobs.manifests import keep_manifest
from bulkput.jobs.opening import Opening, opening_of
from bulkput.jobs.seal import Sealing, complete, wait_until_completed
from bulkput.ledger.header import LedgerPhase
from bulkput.ledger.ledger import Ledger
from bulkput.ledger.manifest import Manifest, manifest_path
from bulkput.ledger.marks import Linear
from bulkput.ledger.series import Series
from bulkput.model.errors import (
    BulkputError,
    IntegrityError,
    ServiceError,
    SnapshotError,
    SourceError,
)
from bulkput.model.events import Noted, PhaseChanged, PutRetried, VolumeEnded, VolumeStarted
from bulkput.model.failure import FailureClass
from bulkput.model.outcome import VolumeOutcome
from bulkput.model.progress import Phase, Progress
from bulkput.pace.pacer import Pacer
from bulkput.pipeline.baseline import NoBaseline, nothing_is_known
from bulkput.pipeline.reference import ManifestReference, Reference, SourceReference
from bulkput.pipeline.retry import Retrier
from bulkput.pipeline.upload import UploadParts, UploadPolicy, upload_blocks
from bulkput.source.source import Source
from bulkput.source.zero import LengthenedSource

_DELETE_LIMIT_S = 10.0
"""For DeleteSnapshot after a failure: a second signal or a spot instance's end may be near."""


@dataclass
class _Run:
    """The state of one volume while it is worked on."""

    context: JobContext
    volume: VolumeSettings
    opening: Opening
    progress: Progress
    retrier: Retrier
    started_s: float
    upload_s: float = 0.0
    volume_size_gib: int | None = None
    linear: Linear | None = None
    notes: list[str] = field(default_factory=list)
    status: str = "failed"
    verified: str | None = None
    parent_snapshot_id: str | None = None
    manifest: Path | None = None
    source_format: str | None = None
    ledger_folder: Path | None = None

    def enter(self, phase: Phase, detail: str = "") -> None:
        """Tell that a phase begins."""
        self.progress.phase = phase
        self.context.observer.on_event(PhaseChanged(self.volume.label, phase, detail))

    def note(self, text: str) -> None:
        """Tell the user, now and in the outcome."""
        self.notes.append(text)
        self.context.observer.on_event(Noted(self.volume.label, text))

    def outcome(self, error: BulkputError | None = None) -> VolumeOutcome:
        """Return what has become of the volume."""
        progress = self.progress
        return VolumeOutcome(
            volume=self.volume.label,
            source=self.volume.source.shown,
            source_format=self.source_format,
            status=self.status if error is None else "failed",
            snapshot_id=progress.snapshot_id,
            parent_snapshot_id=self.parent_snapshot_id,
            volume_size_gib=self.volume_size_gib,
            checksum=None if self.linear is None else self.linear.checksum_b64,
            elapsed_s=self.context.clock.monotonic_s() - self.started_s,
            upload_s=self.upload_s,
            blocks=progress.block_counts,
            puts=progress.put_counts,
            verified=self.verified,
            manifest=None if self.manifest is None else str(self.manifest),
            notes=tuple(self.notes),
            error=None if error is None else str(error),
            exit_code=0 if error is None else error.status,
            cause=error,
            ledger_folder=self.ledger_folder,
        )


async def upload_volume(
    context: JobContext, volume: VolumeSettings, opening: Opening | None = None
) -> VolumeOutcome:
    """Make a snapshot of one volume; what goes wrong with it is in the outcome.

    After a cancellation no put is under way and the ledger is closed: the same job resumes.

    Args:
        context: The job's.
        volume: The volume.
        opening: Of another source than the one that ``volume`` names.
    """
    progress = Progress(volume.label)
    run = _Run(
        context,
        volume,
        opening or opening_of(context.settings, volume),
        progress,
        context.retrier(volume.label),
        context.clock.monotonic_s(),
    )
    context.observer.on_event(VolumeStarted(progress, volume.source.shown))
    try:
        await _upload(run)
    except BulkputError as error:
        progress.phase = Phase.FAILED
        outcome = run.outcome(error)
    else:
        progress.phase = Phase.DONE
        outcome = run.outcome()
    context.observer.on_event(VolumeEnded(outcome))
    return outcome


async def _upload(run: _Run) -> None:
    source = await run.context.workers.run(run.opening.open)
    try:
        run.progress.blocks_total = source.block_count
        run.source_format = source.format
        ledger = await run.context.workers.run(lambda: open_ledger(run.context, run.volume, source))
        run.ledger_folder = ledger.folder
        try:
            with _series(run) as series:
                await _upload_source(run, source, ledger, series)
        except BaseException:
            if run.volume.on_failure == "delete":
                await _delete(run, ledger)
            raise
        finally:
            await run.context.workers.run(ledger.close)
    finally:
        source.close()


@contextmanager
def _series(run: _Run) -> Iterator[Series | None]:
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


async def _upload_source(run: _Run, source: Source, ledger: Ledger, series: Series | None) -> None:
    context, volume = run.context, run.volume
    run.enter(Phase.STARTING)
    birth, place = await find_or_start(
        Birthplace(
            context,
            volume,
            source,
            ledger,
            run.retrier,
            run.progress,
            run.note,
            series=series,
            holes_are_noise=run.opening.holes_are_noise,
        )
    )
    parent = place.parent
    if ledger.header.block_count > source.block_count:
        beyond = ledger.header.block_count - source.block_count
        run.note(
            f"the source ends before the parent's last block: what the parent has in the {beyond} "
            "blocks behind the end is put as zeros"
        )
        source = LengthenedSource(source, ledger.header.block_count)
        run.progress.blocks_total = source.block_count
    run.progress.snapshot_id = birth.snapshot_id
    run.parent_snapshot_id = ledger.header.parent_snapshot_id
    run.volume_size_gib = ledger.header.volume_size_gib
    if birth.only_wait:
        counts = await context.workers.run(ledger.counts)
        run.progress.blocks_resumed = counts.acknowledged
        run.progress.blocks_skipped_zero = counts.skipped_zero
        run.progress.blocks_unchanged = counts.unchanged
    else:
        run.enter(Phase.UPLOADING)
        began_s = context.clock.monotonic_s()
        try:
            await _put_blocks(run, birth, source, ledger, parent)
        finally:
            run.upload_s = context.clock.monotonic_s() - began_s
        await context.workers.run(source.check_complete)
        await context.workers.run(partial(_check_source, run, source))
        _seal_ledger(run, source, ledger)
    if birth.is_completed:
        # A mark that was damaged since takes the checksum from the result, not the snapshot.
        with suppress(IntegrityError):
            run.linear = await context.workers.run(ledger.linear)
        kept = manifest_path(context.state_dir, birth.snapshot_id)
        run.manifest = kept if kept.exists() else None
        run.status = "completed"
    else:
        await _seal(run, birth, place)
    if run.progress.blocks_skipped_zero or run.progress.blocks_skipped_hole:
        run.note(birth.zeros.reason)
    if run.status == "completed" and volume.verify != "none":
        await _verify(run, birth, source, ledger)
    if series is not None and run.status == "completed":
        series.advance(
            birth.snapshot_id, now_unix_s=context.clock.unix_s(), program_version=__version__
        )


async def _seal(run: _Run, birth: Birth, place: Birthplace) -> None:
    """Seal the snapshot and, if that is wanted, wait until it is completed."""
    context, volume, ledger = run.context, run.volume, place.ledger
    run.enter(Phase.SEALING)
    try:
        run.linear = await context.workers.run(ledger.linear)
    except IntegrityError:
        _enter(run, ledger, LedgerPhase.UPLOADING)  # a later run puts what the ledger has lost
        raise
    sealing = Sealing(
        context.service.control, run.retrier, context.clock, context.on_call_retry(volume.label)
    )
    await complete(birth.snapshot_id, *run.linear, sealing)
    run.status = "pending"
    if not volume.snapshot.wait:
        return
    run.enter(Phase.WAITING)
    limit_s = context.settings.tuning.completion_deadline_s
    try:
        await wait_until_completed(birth.snapshot_id, limit_s, sealing)
    except SnapshotError:
        _enter(run, ledger, LedgerPhase.FAILED)
        raise
    # Before the ledger says that all is done: after a crash in between, the next run writes it.
    run.manifest = await keep_manifest(place)
    _enter(run, ledger, LedgerPhase.COMPLETED)
    run.status = "completed"


async def _verify(run: _Run, birth: Birth, source: Source, ledger: Ledger) -> None:
    run.enter(Phase.VERIFYING)
    workers = run.context.workers
    with ExitStack() as stack:
        compared_with = source.path
        if run.opening.verifies_by_manifest and run.manifest is not None:
            compared_with = run.manifest
            manifest = await workers.run(partial(Manifest.open, run.manifest))
            reference: Reference = ManifestReference(stack.enter_context(manifest))
        else:
            if source.is_sequential:  # it is at its end, and is read from the front again
                source = await workers.run(run.opening.open)
                stack.callback(source.close)
            reference = SourceReference(source, encrypted=ledger.header.encrypted)
        try:
            note = await verify_volume(
                run.context,
                run.retrier,
                run.volume,
                birth.snapshot_id,
                reference,
                run.progress,
                compared_with=compared_with,
            )
        except IntegrityError:
            _enter(run, ledger, LedgerPhase.FAILED)
            # What it says is not what the snapshot holds: nothing may be compared with it.
            manifest_path(run.context.state_dir, birth.snapshot_id).unlink(missing_ok=True)
            run.manifest = None
            raise
    run.verified = run.volume.verify
    if note is not None:
        run.note(note)


def _check_source(run: _Run, source: Source) -> None:
    """Refuse to seal what was read from a source that changed, unless that is wanted."""
    try:
        source.check_unchanged()
    except SourceError as error:
        if not run.volume.allow_changing_source:
            raise
        run.notes.append(f"{error}: each block is as it was when it was put")


def _seal_ledger(run: _Run, source: Source, ledger: Ledger) -> None:
    """Note that nothing is put any more, and that every mark is of this very source now."""
    ledger.amend(
        replace(
            ledger.header,
            phase=LedgerPhase.SEALING,
            source_identity=source.identity.as_dict(),
            updated_unix_s=run.context.clock.unix_s(),
        )
    )


async def _delete(run: _Run, ledger: Ledger) -> None:
    """Delete the pending snapshot of a volume that failed, as ``on_failure`` asks."""
    header = ledger.header
    if header.snapshot_id is None or header.phase is not LedgerPhase.UPLOADING:
        return
    try:
        async with asyncio.timeout(_DELETE_LIMIT_S):
            await run.retrier.run(
                partial(run.context.service.control.delete_snapshot, header.snapshot_id),
                run.context.on_call_retry(run.volume.label),
            )
    except (BulkputError, TimeoutError) as error:
        run.note(f"{header.snapshot_id} could not be deleted and stays pending: {error}")
    else:
        _enter(run, ledger, LedgerPhase.FAILED)
        run.note(f"{header.snapshot_id} was deleted, as on_failure says")


async def _put_blocks(
    run: _Run, birth: Birth, source: Source, ledger: Ledger, parent: Manifest | None
) -> None:
    context, tuning = run.context, run.context.settings.tuning
    observer, label = context.observer, run.volume.label

    def on_retry(index: int, error: ServiceError, delay_s: float) -> None:
        name = error.failure.name.lower()
        observer.on_event(PutRetried(label, index, name, delay_s, error.occurrence))

    pacer = Pacer(
        ceiling_puts_per_s=context.ceilings.snapshot_puts_per_s,
        in_flight_max=tuning.in_flight_max,
        account=context.account,
        clock=context.clock,
    )
    baseline = None if birth.puts_all else parent
    parts = UploadParts(
        source=source,
        ledger=ledger,
        sink=context.service.data,
        pacer=pacer,
        retrier=run.retrier,
        workers=context.workers,
        clock=context.clock,
        progress=run.progress,
        on_retry=on_retry,
        baseline=baseline or NoBaseline(),
        unchanged=nothing_is_known if baseline is None else run.opening.unchanged,
    )
    policy = UploadPolicy(
        put_holes=birth.zeros.put_holes,
        put_zeros=birth.zeros.put_zeros,
        trust_ledger=birth.trust,
        memory_budget_bytes=context.memory_budget_bytes,
        window_blocks=context.window_blocks,
        give_up_after_s=tuning.give_up_after_s,
        shutdown_grace_s=tuning.shutdown_grace_s,
    )
    try:
        await upload_blocks(birth.snapshot_id, parts, policy)
    except ServiceError as error:
        if error.failure not in {FailureClass.NOT_YET_VISIBLE, FailureClass.GONE}:
            raise
        raise await _explain(run, birth.snapshot_id, ledger, error) from error


async def _explain(
    run: _Run, snapshot_id: str, ledger: Ledger, error: ServiceError
) -> BulkputError:
    """Return what EC2 knows of a snapshot that a put did not find."""
    live = await run.retrier.run(
        partial(run.context.service.control.describe_snapshot, snapshot_id),
        run.context.on_call_retry(run.volume.label),
    )
    if live is not None and live.state == "pending":
        return error
    _enter(run, ledger, LedgerPhase.FAILED)
    if live is None:
        what = "was deleted while it was uploaded"
    else:
        what = f"is in state {live.state} ({live.state_message or 'no reason given'})"
    return SnapshotError(snapshot_id, f"{what}. Running again makes a new snapshot")


def _enter(run: _Run, ledger: Ledger, phase: LedgerPhase) -> None:
    ledger.enter(phase, now_unix_s=run.context.clock.unix_s())
