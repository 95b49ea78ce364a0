"""The Ray cluster of a run: found or started, its hosts, actors and tasks.

Calls that may block have a thread of their own, for as long as the cluster is used: what Ray starts
on this machine ends with the thread that starts it.
"""

import asyncio
import contextlib
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from functools import partial
from typing import Any, TypeVar

from bulkput.fleet.connection import NAMESPACE, connected
from bulkput.fleet.extra import load_ray
from bulkput.fleet.lost_attempt import is_lost_connection
from bulkput.fleet.mailbox import Mailbox
from bulkput.fleet.node import Node, nodes_of
from bulkput.fleet.node_labels import NodeLabels
from bulkput.fleet.protocol import AttemptEnd, Order
from bulkput.fleet.quota_actor import QuotaActor
from bulkput.fleet.ray_thread import RayThread
from bulkput.fleet.volume_task import run_volume
from bulkput.model.errors import TemporaryError

T = TypeVar("T")

QUOTA_NAME = "bulkput-quota"
RUN_PREFIX = "bulkput-run-"
HEAD = {"node:__internal_head__": 0.001}
"""Only the head has it: two tables of one quota would give twice."""
CALL_LIMIT_S = 10.0
"""An actor that is restarted takes one or two seconds."""
_HEAD_IS_SILENT = "the cluster's head does not answer"
_LEAVE_LOOKS = 10
"""A second each: Ray ends what a killed driver had within two."""


class Cluster:
    """One that this process is a driver of."""

    def __init__(self, ray: Any, call: Callable[..., Any]) -> None:
        """Use the connection of this process.

        Args:
            ray: The module, connected.
            call: Runs a function that may block.
        """
        self._ray = ray
        self._call = call
        self._task = ray.remote(run_volume)
        self.labels = NodeLabels(self._asked)
        """Of nodes that something else started."""

    @property
    def own_node_id(self) -> str:
        """The node that this process is connected by."""
        return str(self._ray.get_runtime_context().get_node_id())

    async def nodes(self) -> list[Node]:
        """Return the hosts that are alive, by their names.

        Raises:
            TemporaryError: the head does not answer.
        """
        return nodes_of(await self._asked(self._ray.nodes), await self.labels.read())

    async def quota(self) -> Any:
        """Return the actor of the quota, which is started if there is none.

        Raises:
            TemporaryError: the head does not answer.
        """
        actor = self._ray.remote(QuotaActor).options(
            name=QUOTA_NAME,
            namespace=NAMESPACE,
            lifetime="detached",
            get_if_exists=True,
            max_restarts=-1,
            max_task_retries=0,
            num_cpus=0,
            resources=HEAD,
        )
        return await self._asked(partial(actor.remote, _is_restarted))

    async def mailbox(self, job: str, run: str) -> Any:
        """Start the mailbox of a run.

        Raises:
            TemporaryError: there is one of this name, or the head does not answer.
        """
        actor = self._ray.remote(Mailbox).options(
            name=f"{RUN_PREFIX}{run}",
            namespace=NAMESPACE,
            max_restarts=-1,
            num_cpus=0,
            resources=HEAD,
        )
        for _ in range(_LEAVE_LOOKS):
            if (started := await self._asked(partial(_if_new, actor.remote, job))) is not None:
                return started
            await asyncio.sleep(1.0)
        what = f"the job {job} is under way on this cluster: bulkput fleet status shows it"
        raise TemporaryError(what)

    async def runs(self) -> dict[str, Any]:
        """Return the mailboxes of all runs on the cluster, by the names of the runs.

        Raises:
            TemporaryError: the head does not answer.
        """
        return dict(await self._asked(self._find_runs))

    def _find_runs(self) -> dict[str, Any]:
        from ray.util import list_named_actors  # noqa: PLC0415 - loaded with the module

        found = {}
        for each in list_named_actors(all_namespaces=True):
            if each["namespace"] == NAMESPACE and each["name"].startswith(RUN_PREFIX):
                with contextlib.suppress(ValueError):  # it ends in this moment
                    found[each["name"].removeprefix(RUN_PREFIX)] = self._ray.get_actor(**each)
        return found

    async def start(self, node: Node, order: Order, quota: Any, mailbox: Any) -> Any:
        """Start an attempt on a host; returns Ray's reference to its end.

        Raises:
            TemporaryError: the head does not answer. What begins yet is cancelled as it does.
        """
        from ray.util.scheduling_strategies import (  # noqa: PLC0415 - loaded with the module
            NodeAffinitySchedulingStrategy,
        )

        there = NodeAffinitySchedulingStrategy(node.node_id, soft=False)
        task = self._task.options(
            name=order.client, num_cpus=0, max_retries=0, scheduling_strategy=there
        )
        begun: list[Any] = []
        try:  # The first one sends the task's code to the head, and waits for it.
            await self._asked(lambda: begun.append(task.remote(order, quota, mailbox)))
        except BaseException:
            # In its turn behind the start, before another of the volume: they have one lease.
            late = asyncio.ensure_future(self._call(partial(self._cancel_all, begun)))
            late.add_done_callback(lambda end: end.cancelled() or end.exception())
            raise
        return begun[0]

    async def end_of(self, reference: Any) -> AttemptEnd:
        """Return how an attempt ended; raises Ray's own error if Ray lost it."""
        end: AttemptEnd = await asyncio.wrap_future(reference.future())
        return end

    async def cancel(self, reference: Any) -> None:
        """Kill an attempt's task, and with it its process.

        Raises:
            TemporaryError: the head does not answer; it loses its hosts' tasks by itself.
        """
        await self._asked(partial(self._ray.cancel, reference, force=True))

    def _cancel_all(self, references: Iterable[Any]) -> None:
        for reference in references:
            self._ray.cancel(reference, force=True)

    async def _asked(self, function: Callable[[], T]) -> T:
        """Return what a function returns that asks the head."""
        async with _in_time(_HEAD_IS_SILENT):
            found: T = await self._call(function)
            return found


def _if_new(start: Callable[[str], Any], job: str) -> Any:
    """Return an actor that is started; None if there is one of its name."""
    try:
        return start(job)
    except ValueError:
        return None


async def answered(method: Any, *arguments: Any) -> Any:
    """Return an actor's answer to a call of ``method``.

    Raises:
        TemporaryError: it does not come, or the actor has died, which Ray then starts again.
    """
    async with _in_time("an actor of the fleet does not answer"):
        return await asyncio.wrap_future(method.remote(*arguments).future())


def _is_rays(error: BaseException) -> bool:
    """Return whether Ray reports that it cannot be reached."""
    kinds = type(error).__mro__
    return is_lost_connection(error) or any(kind.__module__.startswith("ray.") for kind in kinds)


@contextlib.asynccontextmanager
async def open_cluster(address: str, report: Callable[[str], None]) -> AsyncIterator[Cluster]:
    """Connect to a cluster, or start one on this machine, and leave it at the end.

    Args:
        address: As the job's ``fleet.address``.
        report: Called with what is waited for.

    Raises:
        UsageError: Ray is not installed.
        ConfigError: there is no cluster, or it refuses this one.
    """
    with contextlib.closing(RayThread()) as thread:
        async with connected(address, thread.call, report) as ray:
            _take_signal_back(signal.SIGTERM)
            yield Cluster(ray, thread.call)


def _take_signal_back(number: int) -> None:
    """Let the handler that was there before Ray put its own over it be the only one again."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(number, signal.getsignal(number))


def _is_restarted() -> bool:
    """Return whether Ray has started this actor before; called in the actor."""
    return bool(load_ray().get_runtime_context().was_current_actor_reconstructed)


@contextlib.asynccontextmanager
async def _in_time(otherwise: str) -> AsyncIterator[None]:
    """Have what cannot be asked of Ray, or is late, end in a sentence."""
    try:
        async with asyncio.timeout(CALL_LIMIT_S):
            yield
    except TimeoutError:
        raise TemporaryError(otherwise) from None
    except Exception as error:
        if _is_rays(error):
            raise TemporaryError(otherwise) from error
        raise
