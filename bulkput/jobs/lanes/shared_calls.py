"""Calls of one kind on one snapshot, made by this process and by lanes, within one rate."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from bulkput.jobs.lanes.lane_process import LaneProcess
from bulkput.jobs.lanes.protocol import CallKind, CallReport, Held
from bulkput.model.progress import Progress
from bulkput.pace.demand import Use
from bulkput.pace.fair_share import FairShare
from bulkput.pace.pacer import Pacer

if TYPE_CHECKING:
    from bulkput.jobs.session.snapshot_reader import SnapshotReader  # most uploads read none
    from bulkput.pipeline.get import GetPath

_OWN = "own"


class PacedCalls(NamedTuple):
    """What all processes together may do, and what of it this one does."""

    kind: CallKind
    pacer: Pacer
    """Of this process."""
    progress: Progress
    """Counts the calls of all of them."""
    ceiling_per_s: float
    in_flight_max: int


def paced_gets(
    kind: CallKind,
    gets: "SnapshotReader",
    get: "GetPath",
    progress: Progress,
    *,
    memory_budget_bytes: int,
) -> PacedCalls:
    """Return the gets of one snapshot.

    Args:
        kind: Of them.
        gets: The service.
        get: The way of this process's gets.
        progress: Of the snapshot, as ``get`` has it.
        memory_budget_bytes: What all may hold.
    """
    return PacedCalls(
        kind,
        get.pacer,
        progress,
        gets.rate_limits.snapshot_gets_per_s,
        gets.in_flight_max(memory_budget_bytes),
    )


class SharedCalls:
    """Divides a snapshot's rate, and what may be in flight, by what each process uses of it."""

    def __init__(self, calls: PacedCalls) -> None:
        """Begin without lanes."""
        self.kind = calls.kind
        self.pacer = calls.pacer
        self.progress = calls.progress
        self._in_flight_max = calls.in_flight_max
        self._share = FairShare(calls.ceiling_per_s)
        self._attempted_before = self._attempted(calls.progress)
        self._attempted_by_gone = 0
        self._reported: dict[LaneProcess, CallReport] = {}
        self.account_held_s = 0.0
        """How long calls of all lanes so far waited for their parts of the account."""

    @property
    def attempted(self) -> int:
        """Calls of everybody."""
        return self._attempted(self.progress) - self._attempted_before

    @property
    def own_attempted(self) -> int:
        """Calls of this process alone."""
        lanes = sum(self._attempted(each.progress) for each in self._reported.values())
        return self.attempted - self._attempted_by_gone - lanes

    def attempted_by(self, lane: LaneProcess) -> int:
        """Return the calls of one lane."""
        reported = self._reported.get(lane)
        return 0 if reported is None else self._attempted(reported.progress)

    def account_use_by(self, lane: LaneProcess) -> Use:
        """Return what one lane has used of the account."""
        return Use(self.attempted_by(lane), self._held_by(lane).account_s)

    def take(self, lane: LaneProcess, report: CallReport) -> None:
        """Learn a lane's counters, which ``progress`` of all has already, and its waits."""
        self.account_held_s += report.held.account_s - self._held_by(lane).account_s
        self._reported[lane] = report

    def remove(self, lane: LaneProcess) -> None:
        """Learn that a lane does nothing more."""
        self._attempted_by_gone += self.attempted_by(lane)
        self._reported.pop(lane, None)

    def divide(
        self, now_s: float, lanes: Iterable[LaneProcess]
    ) -> tuple[dict[LaneProcess, float], int]:
        """Give this process its part, and return those of ``lanes``, with what each may send."""
        present = tuple(lanes)
        uses = {_OWN: Use(self.own_attempted, self.pacer.held_s(now_s))}
        for lane in present:
            uses[lane.name] = Use(self.attempted_by(lane), self._held_by(lane).snapshot_s)
        shares = self._share.divide(now_s, uses)
        in_flight_max = max(1, self._in_flight_max // len(uses))
        self.pacer.set_ceiling(shares[_OWN], in_flight_max)
        reported = [self._reported[lane] for lane in present if lane in self._reported]
        self.progress.allowed_in_lanes_per_s = sum(each.progress.allowed_per_s for each in reported)
        return {lane: shares[lane.name] for lane in present}, in_flight_max

    def _held_by(self, lane: LaneProcess) -> Held:
        reported = self._reported.get(lane)
        return Held() if reported is None else reported.held

    def _attempted(self, progress: Progress) -> int:
        return self.kind.counts(progress).attempted
