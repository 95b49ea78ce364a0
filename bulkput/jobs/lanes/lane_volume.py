"""What a lane has for all its volumes, and what it is asked for of each; no more than that."""

import random
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol

from bulkput.config.service import ServiceSettings
from bulkput.ebs.service import Service
from bulkput.jobs.lanes.orders import PutOrder, RestoreOrder, SharedManifest
from bulkput.jobs.lanes.protocol import (
    CallReport,
    CallShare,
    FromLane,
    Held,
    Share,
    ToVolume,
)
from bulkput.ledger.manifest import Manifest
from bulkput.ledger.table import Table
from bulkput.model.errors import LedgerError, ManifestError, ServiceError
from bulkput.model.events import GetRetried
from bulkput.model.progress import Progress
from bulkput.pace.gate import Fence, Gate, GateOfAll
from bulkput.pace.pacer import AccountPacer, Pacer
from bulkput.pipeline.budget import ByteBudget
from bulkput.pipeline.get import GetPath
from bulkput.pipeline.paced_call import PacedCall
from bulkput.pipeline.retry import Retrier
from bulkput.pipeline.workers import Workers

WAITING_PER_S = 1.0
"""Calls, until the share comes, which it does before there is anything to do."""


@dataclass(frozen=True)
class LaneTools:
    """What a lane has for all its volumes."""

    settings: ServiceSettings
    service: Service
    workers: Workers
    report: Callable[[FromLane], None]
    source: "LaneTools | None" = None
    """The same where snapshots are copied from, if the job is a copy."""

    def retrier(self, snapshot_started_s: float) -> Retrier:
        """Return a retry layer for one snapshot, which was started at this monotonic time."""
        return Retrier(
            clock=self.service.clock,
            random=random.Random(),  # noqa: S311 - jitter, nothing secret
            recovery=self.service,
            deadline_s=self.settings.tuning.operation_deadline_s,
            snapshot_started_s=snapshot_started_s,
        )


class LaneVolume(Protocol):
    """What a lane does for one volume."""

    calls: "tuple[LaneCalls, ...]"
    """Of each kind, as in a ``Share``."""
    budget: ByteBudget
    """Its part of the memory."""

    def take(self, message: ToVolume) -> None:
        """Hear what the job has to say about it."""
        ...

    async def run(self) -> None:
        """Work until there is nothing more to do; then everything is let go of.

        Raises:
            BulkputError: what ends the volume.
        """
        ...


class LaneCalls:
    """A volume's calls of one kind in a lane; both their rates are parts that the job gives."""

    def __init__(self, progress: Progress, tools: LaneTools, gate: Gate) -> None:
        """Begin with next to nothing; ``progress`` counts them."""
        self.progress = progress
        self._clock = tools.service.clock
        self._account = AccountPacer(WAITING_PER_S)
        self._fence = Fence(is_needed=True)
        self.pacer = Pacer(
            ceiling_puts_per_s=WAITING_PER_S,
            in_flight_max=tools.settings.tuning.in_flight_max,
            account=self._account,
            clock=self._clock,
            gate=GateOfAll(self._fence, gate),
        )

    def report(self) -> CallReport:
        """Return what was counted so far, and how long calls waited for these parts."""
        now_s = self._clock.monotonic_s()
        held = Held(self.pacer.held_s(now_s), self._account.held_s(now_s))
        return CallReport(self.progress, held)

    def set_share(self, share: CallShare, until_s: float) -> None:
        """Keep to these parts from now on, and start nothing any more after ``until_s``."""
        self._fence.hold_until(until_s)
        self._account.set_ceiling(self._clock.monotonic_s(), share.account_per_s)
        self.pacer.set_ceiling(share.snapshot_per_s, share.in_flight_max)


def take_share(share: Share, calls: Iterable[LaneCalls], budget: ByteBudget) -> None:
    """Keep to what the job gives a volume from now on."""
    for each, part in zip(calls, share.calls, strict=True):
        each.set_share(part, share.until_s)
    budget.resize(share.memory_bytes)


def get_path(tools: LaneTools, calls: LaneCalls, snapshot_id: str, *, started_s: float) -> GetPath:
    """Return the way of a snapshot's gets in a lane.

    Args:
        tools: Of the service where the snapshot is.
        calls: The gets.
        snapshot_id: Which snapshot.
        started_s: When it was started, monotonic.
    """
    progress = calls.progress

    def on_retry(index: int, error: ServiceError, delay_s: float) -> None:
        name = error.failure.name.lower()
        event = GetRetried(progress.volume, index, name, delay_s, error.occurrence)
        tools.report(event)

    call = PacedCall(
        pacer=calls.pacer, retrier=tools.retrier(started_s), progress=progress, counts=progress.gets
    )
    return GetPath(snapshot_id=snapshot_id, origin=tools.service.data, call=call, on_retry=on_retry)


def open_shared_table(order: PutOrder | RestoreOrder, stack: ExitStack) -> Table:
    """Return the table that the job has open, to write to, until ``stack`` closes. Blocks.

    Raises:
        LedgerError: it cannot be used, or lacks something by now.
    """
    table = Table.open(order.table, order.snapshot_id, order.block_count, writable=True)
    stack.callback(table.close)
    if not table.whole:
        raise LedgerError(order.table, "the table was damaged while in use. Run again")
    return table


def open_shared_manifest(shared: SharedManifest, stack: ExitStack) -> Manifest:
    """Return the very manifest that the job has open, until ``stack`` closes. Blocks.

    Raises:
        ManifestError: it cannot be read, or another one has its place.
    """
    manifest = Manifest.open(shared.path, is_named=True)
    stack.callback(manifest.close)
    if manifest.header != shared.header:
        raise ManifestError(shared.path, "was replaced while in use. Run again")
    return manifest
