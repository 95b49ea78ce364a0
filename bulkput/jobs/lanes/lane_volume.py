"""What a lane has for all its volumes, and what it is asked for of each; no more than that."""

import random
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol

from bulkput.config.service import ServiceSettings
from bulkput.ebs.service import Service
from bulkput.jobs.lanes.protocol import (
    FromLane,
    PutOrder,
    RestoreOrder,
    Share,
    SharedManifest,
    ToVolume,
)
from bulkput.ledger.manifest import Manifest
from bulkput.ledger.table import Table
from bulkput.model.errors import LedgerError, ManifestError
from bulkput.model.progress import Progress
from bulkput.pace.gate import Fence, Gate, GateOfAll
from bulkput.pace.pacer import AccountPacer, Pacer
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

    progress: Progress
    """As it is reported."""

    def take(self, message: ToVolume) -> None:
        """Hear what the job has to say about it."""
        ...

    async def run(self) -> None:
        """Work until there is nothing more to do; then everything is let go of.

        Raises:
            BulkputError: what ends the volume.
        """
        ...


class LanePacer:
    """The pacer of a volume in a lane: both rates are parts that the job gives."""

    def __init__(self, tools: LaneTools, gate: Gate) -> None:
        """Begin with next to nothing."""
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

    def set_share(self, share: Share) -> None:
        """Keep to these parts from now on."""
        self._fence.hold_until(share.until_s)
        self._account.set_ceiling(self._clock.monotonic_s(), share.account_per_s)
        self.pacer.set_ceiling(share.snapshot_per_s, share.in_flight_max)


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
