"""The driver of one run: starts attempts on the hosts, hears of them, and decides nothing.

What starts where and what follows an end is `placement`'s, who may use what is the tables'.
"""

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from bulkput.config.fleet import LOCAL
from bulkput.fleet.account import Account
from bulkput.fleet.cluster import Cluster, answered
from bulkput.fleet.inbox import Inbox
from bulkput.fleet.lost_attempt import lost_attempt
from bulkput.fleet.missing_host import missing_host
from bulkput.fleet.orders import Orders
from bulkput.fleet.placement import Host, Phase, Placement, Start
from bulkput.fleet.protocol import AttemptEnd
from bulkput.fleet.run_end import (
    CancelledRunError,
    LostClusterError,
    LostQuotaError,
    OtherQuotaError,
)
from bulkput.fleet.run_state import run_state
from bulkput.fleet.running_attempt import RunningAttempt
from bulkput.fleet.unfinished import failed, not_started, presentable
from bulkput.jobs.session.context import JobContext
from bulkput.model.errors import BulkputError, TemporaryError
from bulkput.model.exit_code import ExitCode
from bulkput.model.outcome import NOT_STARTED, VolumeOutcome

if TYPE_CHECKING:
    from bulkput.fleet.node import Node

TICK_S = 0.5
"""Between two looks at the mailbox; what ends is heard of at once."""
LOOK_S = 2.0
"""Between two looks at hosts and permits."""
DRAIN_MARGIN_S = 15.0
"""Beyond the grace of puts in flight: the way of the wish to stop, and last writes to the store."""
HOST_WAIT_S = 300.0
"""For a host that a volume needs: instances take one or two minutes to come, and a reboot as long.
"""
QUOTA_WAIT_S = 150.0
"""For the actor of the quota, before nothing is at work any more: as long as one that is started
again may give no permits."""
SILENT_MAX_S = 20.0
"""An actor that is restarted answers within seconds; 60 s after its head is gone, Ray ends this
process itself, with a code of its own."""


class Driver:
    """Works off the volumes of one job."""

    def __init__(
        self,
        context: JobContext,
        cluster: Cluster,
        account: Account,
        mailbox: Any,
        placement: Placement,
        orders: Orders,
        inbox: Inbox,
    ) -> None:
        """Begin with nothing started.

        Args:
            context: The job's, opened.
            cluster: With the hosts.
            account: Whose quota it is.
            mailbox: Of this run.
            placement: Of all volumes, by their labels.
            orders: What attempts are given.
            inbox: Reports to the observer.
        """
        self._context, self._cluster, self._account = context, cluster, account
        self._mailbox, self._placement, self._inbox = mailbox, placement, inbox
        self._orders = orders
        self._volumes = {volume.label: volume for volume in context.settings.volumes}
        self._nodes: dict[str, Node] = {}
        self._running: dict[str, RunningAttempt] = {}
        self._following: dict[asyncio.Task[tuple[AttemptEnd, int]], RunningAttempt] = {}
        """Tasks that return how an attempt ended, and by which exit code that counts."""
        self._outcomes: dict[str, VolumeOutcome] = {}
        self._missing_s: dict[str, float] = {}
        is_local = context.settings.fleet.address == LOCAL
        self._host_wait_s = 0.0 if is_local else HOST_WAIT_S
        self._begun_unix_s = context.clock.unix_s()
        self._is_stopping = False
        self._look_s = self._heard_s = self._looked_s = context.clock.monotonic_s()

    async def run(self) -> tuple[VolumeOutcome, ...]:
        """Return the outcomes in the order of the volumes.

        Raises:
            TemporaryError: the run was cancelled, or the cluster is lost.
            ConfigError: the cluster's quota is kept by another version; nothing was started.
            BulkputError: the service has never answered.
        """
        try:
            while not self._is_over:
                await self._turn()
                for attempt, end, exit_code in await self._ends(TICK_S):
                    self._take_end(attempt, end, exit_code)
        except LostClusterError:  # there is nobody to ask for anything
            raise
        except (asyncio.CancelledError, BulkputError):
            await self._drain()
            raise
        return tuple(self._outcome(label) for label in self._volumes)

    async def _ends(self, limit_s: float) -> list[tuple[RunningAttempt, AttemptEnd, int]]:
        """Return the attempts that have ended, as soon as there is one; none if none does in time.

        A cancellation leaves them for the next call.
        """
        if not self._following:
            await self._context.clock.sleep(limit_s)
            return []
        await asyncio.wait(self._following, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        done = [task for task in self._following if task.done()]
        if done:  # what they sent comes before
            with contextlib.suppress(TemporaryError):  # messages are display alone
                await self._exchange()
        ends = []
        for task in done:
            attempt = self._following.pop(task)
            del self._running[attempt.order.client]
            ends.append((attempt, *task.result()))
        return ends

    @property
    def _is_over(self) -> bool:
        return self._placement.is_over or (self._stops_early and not self._running)

    @property
    def _stops_early(self) -> bool:
        on_error = self._context.settings.on_error
        return on_error == "stop" and any(each.exit_code for each in self._outcomes.values())

    async def _turn(self) -> None:
        """Hear what came, and start what may."""
        now_s = self._context.clock.monotonic_s()
        try:
            await self._exchange()
            self._heard_s = now_s
            if now_s >= self._look_s:
                self._look_s = now_s + LOOK_S
                await self._look(now_s)
                self._looked_s = now_s
        except CancelledRunError:
            raise
        except TemporaryError:
            if now_s > self._heard_s + SILENT_MAX_S:
                raise LostClusterError from None
            if not self._running and now_s > self._looked_s + QUOTA_WAIT_S:
                raise LostQuotaError from None

    async def _exchange(self) -> None:
        messages, is_stopping = await answered(self._mailbox.exchange, self._state())
        for client, message in messages:
            self._inbox.take(client, message)
        if is_stopping and not self._is_stopping:
            raise CancelledRunError("cancelled by bulkput fleet cancel")

    def _state(self) -> dict[str, Any]:
        phases = [self._placement.phase(label) for label in self._volumes]
        running = {
            client: (attempt.start.host, self._inbox.progress(client))
            for client, attempt in self._running.items()
        }
        is_stopping = self._is_stopping
        return run_state(self._begun_unix_s, phases, running.values(), is_stopping=is_stopping)

    async def _look(self, now_s: float) -> None:
        if not await self._account.begin(self._running):
            raise OtherQuotaError
        await self._account.see_pending(now_s)
        self._nodes = {node.name: node for node in await self._cluster.nodes()}
        alive = {node.node_id for node in self._nodes.values()}
        for attempt in self._running.values():
            if attempt.node_id not in alive:
                attempt.is_lost.set()
        if self._stops_early:
            return
        slots = self._context.settings.fleet.volumes_per_host
        hosts = [Host(node.name, slots, node.labels) for node in self._nodes.values()]
        free = await self._account.free_permits()
        begun = self._orders.begun(self._account.pending)
        starts = self._placement.next_starts(now_s, hosts, free, begun)
        try:
            while starts:
                await self._start(starts[0], begun.get(starts[0].volume))
                starts.pop(0)
        finally:  # the actor is away: they start when it is back
            for start in starts:
                self._placement.not_started(start)
        self._give_up_unplaceable(now_s, hosts)

    def _give_up_unplaceable(self, now_s: float, hosts: list[Host]) -> None:
        """Wait for hosts that have what a volume needs, and not for ever."""
        missing = self._placement.unplaceable(hosts)
        self._missing_s = {name: self._missing_s.get(name, now_s) for name in missing}
        for name, since_s in self._missing_s.items():
            what = missing_host(self._volumes[name].placement, hosts)
            if now_s >= since_s + self._host_wait_s:
                self._placement.give_up(name, ExitCode.CONFIGURATION)
                self._finish(failed(self._orders.order(name, 1), what, ExitCode.CONFIGURATION))
            elif since_s == now_s:
                self._inbox.note(name, f"it waits for a host: {what}", warning=True)

    async def _start(self, start: Start, snapshot_id: str | None) -> None:
        is_begun = self._placement.exit_code(start.volume) is not None
        order = self._orders.order(start.volume, start.attempt, is_begun=is_begun)
        if not await self._account.take_permit(order.permit, order.client, snapshot_id):
            self._placement.not_started(start)
            return
        node = self._nodes[start.host]
        reference = await self._cluster.start(node, order, self._account.actor, self._mailbox)
        attempt = RunningAttempt(start, order, reference, node.node_id)
        self._running[order.client] = attempt
        self._inbox.open(order.client, start.volume, start.host)
        self._following[asyncio.create_task(self._follow(attempt))] = attempt

    async def _follow(self, attempt: RunningAttempt) -> tuple[AttemptEnd, int]:
        """Return an attempt's end, whatever it is."""
        try:
            end = await attempt.end(self._cluster)
        except Exception as error:  # noqa: BLE001 - Ray's own, and the task's
            lost = lost_attempt(error)
            if lost.is_gone:
                await self._account.leave(attempt.order.client, attempt.order.permit)
            return self._lost_end(attempt, lost.error), lost.exit_code
        return end, end.outcome.exit_code

    def _take_end(self, attempt: RunningAttempt, end: AttemptEnd, exit_code: int) -> None:
        start = attempt.start
        self._close(attempt, end)
        if end.outcome.status == NOT_STARTED:
            self._placement.not_started(start)
            return
        now_s = self._look_s = self._context.clock.monotonic_s()  # its place is free
        self._placement.ended(now_s, start.volume, start.attempt, exit_code)
        outcome = presentable(end.outcome, exit_code, start.host)
        if self._placement.phase(start.volume) in (Phase.DONE, Phase.FAILED):
            self._finish(outcome)
        elif self._placement.phase(start.volume) is Phase.WAITING:
            text = (
                f"attempt {start.attempt} on {start.host} failed and is repeated: {outcome.error}"
            )
            self._inbox.note(start.volume, text, warning=True)

    def _close(self, attempt: RunningAttempt, end: AttemptEnd) -> None:
        self._inbox.close(attempt.order.client)
        self._inbox.keep_words(attempt.start.volume, end.last_words)

    def _finish(self, outcome: VolumeOutcome) -> None:
        self._outcomes[outcome.volume] = outcome
        self._inbox.finish(outcome)

    def _lost_end(self, attempt: RunningAttempt, error: str) -> AttemptEnd:
        progress = self._inbox.progress(attempt.order.client)
        text = f"{attempt.start.host}: {error}"
        return AttemptEnd(failed(attempt.order, text, ExitCode.MACHINE, progress))

    def _outcome(self, label: str) -> VolumeOutcome:
        known = self._outcomes.get(label)
        if known is not None:
            return known
        why = "another volume failed and on_error is stop"
        outcome = not_started(self._orders.order(label, 1), why)
        self._inbox.finish(outcome)
        return outcome

    async def _drain(self) -> None:
        """Let all attempts end in order, and kill those that do not."""
        self._is_stopping = True
        clock = self._context.clock
        end_s = (
            clock.monotonic_s() + self._context.settings.tuning.shutdown_grace_s + DRAIN_MARGIN_S
        )
        ends = await self._ends(0)
        while True:
            for attempt, end, exit_code in ends:
                self._close(attempt, end)
                if end.outcome.status != NOT_STARTED:
                    self._finish(presentable(end.outcome, exit_code, attempt.start.host))
            with contextlib.suppress(TemporaryError):  # again: a mailbox that is new forgot it
                await self._exchange()
            if not self._following or clock.monotonic_s() >= end_s:
                break
            ends = await self._ends(TICK_S)
        for attempt in self._running.values():
            with contextlib.suppress(TemporaryError):
                await self._cluster.cancel(attempt.reference)
