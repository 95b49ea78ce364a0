"""The blocks of one volume on their way: the pipeline with this volume's parts and policy."""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from bulkput.jobs.lanes.crew import CrewParts
from bulkput.jobs.lanes.orders import PutOrder, SharedManifest, SharedSnapshot
from bulkput.jobs.lanes.pool import LanePool
from bulkput.jobs.lanes.protocol import CallKind
from bulkput.jobs.lanes.put_crew import PutCrew
from bulkput.jobs.lanes.shared_calls import PacedCalls
from bulkput.jobs.session.put_window import gate_of
from bulkput.jobs.upload.snapshot import UploadSnapshot
from bulkput.jobs.upload.volume_state import VolumeRun
from bulkput.ledger.header import LedgerPhase
from bulkput.ledger.ledger import TABLE_NAME, Ledger
from bulkput.ledger.manifest import Manifest
from bulkput.ledger.record import State
from bulkput.model.errors import BulkputError, IntegrityError, ServiceError, SnapshotError
from bulkput.model.events import PutRetried
from bulkput.model.failure import FailureClass
from bulkput.pace.gate import GateOfAll
from bulkput.pace.pacer import Pacer
from bulkput.pipeline.baseline import NoBaseline, nothing_is_known
from bulkput.pipeline.budget import ByteBudget
from bulkput.pipeline.parts import UploadParts, UploadPolicy
from bulkput.pipeline.span_queue import SpanQueue
from bulkput.pipeline.tally import ProgressTally
from bulkput.pipeline.upload import upload_blocks
from bulkput.source.shared import SharedSource, share
from bulkput.source.source import Source

if TYPE_CHECKING:
    from bulkput.jobs.lanes.copied_snapshot import CopiedSnapshot  # no upload copies

_SharedWithLanes = tuple[SharedSource | SharedSnapshot, Sequence[int]]
"""A source as data, and its descriptors."""


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
        IntegrityError: not every block was settled.
        BulkputError: the first final failure.
    """
    tuning, snapshot_id = run.context.settings.tuning, upload_snapshot.snapshot_id
    baseline = None if upload_snapshot.puts_all else parent
    policy = UploadPolicy(
        zeros=upload_snapshot.zeros,
        trust_ledger=upload_snapshot.trust,
        window_blocks=run.context.window_blocks,
        give_up_after_s=tuning.give_up_after_s,
        shutdown_grace_s=tuning.shutdown_grace_s,
    )
    queue = SpanQueue(
        source,
        run.context.workers,
        span_blocks=policy.window_blocks,
        cut_holes=policy.zeros.put_holes,
    )
    parts = _parts(run, source, queue, ledger, baseline)
    # What its list shows to be the parent's counts only where the parent does.
    copied = None if run.copied is None else replace(run.copied, unchanged=parts.unchanged)
    lanes = run.lanes
    shared = None if lanes is None else _shared(source, copied)
    settled_before = run.progress.blocks_considered
    own = partial(upload_blocks, snapshot_id, parts, policy)
    try:
        if lanes is None or shared is None:
            await own()
        else:
            order, descriptors = _order(
                run, snapshot_id, shared, policy, lanes.window_blocks, ledger, baseline
            )
            calls = [_puts(run, parts)] if copied is None else [_puts(run, parts), copied.calls]
            crew_parts = _crew_parts(run, calls, parts.budget, order, descriptors)
            with _crew(lanes, crew_parts, queue, copied) as crew:
                await crew.run(own())
    except ServiceError as error:
        if error.failure not in {FailureClass.NOT_YET_VISIBLE, FailureClass.GONE}:
            raise
        raise await _explain(run, snapshot_id, ledger, error) from error
    finally:
        await queue.close()
    _require_all(run, source.block_count, settled_before)


def _parts(
    run: VolumeRun,
    source: Source,
    queue: SpanQueue,
    ledger: Ledger,
    baseline: Manifest | None,
) -> UploadParts:
    context, observer, label = run.context, run.context.observer, run.volume.label

    def on_retry(index: int, error: ServiceError, delay_s: float) -> None:
        name = error.failure.name.lower()
        observer.on_event(PutRetried(label, index, name, delay_s, error.occurrence))

    return UploadParts(
        source=source,
        spans=queue,
        budget=ByteBudget(context.memory_budget_bytes),
        ledger=ledger,
        sink=context.service.data,
        pacer=Pacer(
            ceiling_puts_per_s=context.rate_limits.snapshot_puts_per_s,
            in_flight_max=context.settings.tuning.in_flight_max,
            account=context.account,
            clock=context.clock,
            gate=GateOfAll(
                context.fence,
                gate_of(context.settings.window, context.clock, run.progress, run.note),
            ),
            limiter=context.rate_limits.snapshot_limiter,
            cpu_s=time.thread_time,
        ),
        retrier=run.retrier,
        workers=context.workers,
        clock=context.clock,
        progress=run.progress,
        tally=ProgressTally(run.progress),
        on_retry=on_retry,
        baseline=baseline or NoBaseline(),
        unchanged=nothing_is_known if baseline is None else run.opening.unchanged,
    )


def _shared(source: Source, copied: "CopiedSnapshot | None") -> _SharedWithLanes | None:
    """Return the source for other processes; None where they cannot help."""
    return share(source) if copied is None else (copied.shared(source.block_count), ())


def _crew(
    lanes: LanePool, parts: CrewParts, queue: SpanQueue, copied: "CopiedSnapshot | None"
) -> AbstractContextManager[PutCrew]:
    if copied is None:
        return lanes.put_crew(parts, queue)
    return lanes.copy_crew(parts, queue, copied)


def _order(
    run: VolumeRun,
    snapshot_id: str,
    shared: _SharedWithLanes,
    policy: UploadPolicy,
    window_blocks: int,
    ledger: Ledger,
    baseline: Manifest | None,
) -> tuple[PutOrder, Sequence[int]]:
    """Return what other processes need to put blocks of the volume too, and descriptors for it."""
    source, descriptors = shared
    order = PutOrder(
        volume=run.volume.label,
        snapshot_id=snapshot_id,
        snapshot_started_s=run.retrier.snapshot_started_s,
        source=source,
        table=ledger.folder / TABLE_NAME,
        block_count=ledger.header.block_count,
        blank=State.LOST if ledger.marks_lost else State.UNKNOWN,
        zeros=policy.zeros,
        trust_ledger=policy.trust_ledger,
        window_blocks=window_blocks,
        parent=None if baseline is None else SharedManifest(baseline.path, baseline.header),
        window=run.context.settings.window,
    )
    return order, (*descriptors, ledger.lock_descriptor)


def _puts(run: VolumeRun, parts: UploadParts) -> PacedCalls:
    context = run.context
    return PacedCalls(
        CallKind.PUTS,
        parts.pacer,
        run.progress,
        context.rate_limits.snapshot_puts_per_s,
        context.settings.tuning.in_flight_max,
    )


def _crew_parts(
    run: VolumeRun,
    calls: Sequence[PacedCalls],
    budget: ByteBudget,
    order: PutOrder,
    descriptors: Sequence[int],
) -> CrewParts:
    context = run.context
    return CrewParts(
        calls=calls,
        order=order,
        descriptors=descriptors,
        budget=budget,
        shutdown_grace_s=context.settings.tuning.shutdown_grace_s,
        note=run.note,
        observer=context.observer,
        clock=context.clock,
        fence=context.fence,
    )


def _require_all(run: VolumeRun, block_count: int, settled_before: int) -> None:
    """Refuse to go on if a block was never looked at: what is missing reads as zeros, or older.

    Raises:
        IntegrityError: some are missing; a defect, which must not become a snapshot.
    """
    settled = run.progress.blocks_considered - settled_before
    if settled < block_count:
        raise IntegrityError(
            f"only {settled} of {block_count} blocks were looked at. This is a defect of bulkput: "
            "please report it. Running the same command again goes on"
        )


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
