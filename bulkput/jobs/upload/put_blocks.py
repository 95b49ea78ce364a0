"""The blocks of one volume on their way: the pipeline with this volume's parts and policy."""

from bulkput.jobs.upload.put_window import PutWindow
from bulkput.jobs.upload.snapshot import UploadSnapshot
from bulkput.jobs.upload.volume_state import VolumeRun
from bulkput.ledger.header import LedgerPhase
from bulkput.ledger.ledger import Ledger
from bulkput.ledger.manifest import Manifest
from bulkput.model.errors import BulkputError, ServiceError, SnapshotError
from bulkput.model.events import PutRetried
from bulkput.model.failure import FailureClass
from bulkput.pace.gate import OpenGate
from bulkput.pace.pacer import Pacer
from bulkput.pipeline.baseline import NoBaseline, nothing_is_known
from bulkput.pipeline.parts import UploadParts, UploadPolicy
from bulkput.pipeline.upload import upload_blocks
from bulkput.source.source import Source


async def put_blocks(
    run: VolumeRun,
    upload_snapshot: UploadSnapshot,
    source: Source,
    ledger: Ledger,
    parent: Manifest | None,
) -> None:
    """Put what the snapshot lacks; returns when every block is settled in the ledger.

    Raises:
        SnapshotError: the snapshot vanished or ended meanwhile.
        BulkputError: the first final failure.
    """
    context, tuning = run.context, run.context.settings.tuning
    observer, label = context.observer, run.volume.label

    def on_retry(index: int, error: ServiceError, delay_s: float) -> None:
        name = error.failure.name.lower()
        observer.on_event(PutRetried(label, index, name, delay_s, error.occurrence))

    window = context.settings.window
    pacer = Pacer(
        ceiling_puts_per_s=context.rate_limits.snapshot_puts_per_s,
        in_flight_max=tuning.in_flight_max,
        account=context.account,
        clock=context.clock,
        gate=OpenGate()
        if window is None
        else PutWindow(window, context.clock, run.progress, run.note),
    )
    baseline = None if upload_snapshot.puts_all else parent
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
        zeros=upload_snapshot.zeros,
        trust_ledger=upload_snapshot.trust,
        memory_budget_bytes=context.memory_budget_bytes,
        window_blocks=context.window_blocks,
        give_up_after_s=tuning.give_up_after_s,
        shutdown_grace_s=tuning.shutdown_grace_s,
    )
    try:
        await upload_blocks(upload_snapshot.snapshot_id, parts, policy)
    except ServiceError as error:
        if error.failure not in {FailureClass.NOT_YET_VISIBLE, FailureClass.GONE}:
            raise
        raise await _explain(run, upload_snapshot.snapshot_id, ledger, error) from error


async def _explain(
    run: VolumeRun, snapshot_id: str, ledger: Ledger, error: ServiceError
) -> BulkputError:
    """Return what EC2 knows of a snapshot that a put did not find."""
    live = await run.snapshots.describe(snapshot_id)
    if live is not None and live.state == "pending":
        return error
    run.note_phase(ledger, LedgerPhase.FAILED)
    if live is None:
        what = "was deleted while it was uploaded"
    else:
        what = f"is in state {live.state} ({live.state_message or 'no reason given'})"
    return SnapshotError(snapshot_id, f"{what}. Running again makes a new snapshot")
