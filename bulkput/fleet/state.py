"""What a cluster is doing, for people: its hosts, and the runs on it."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bulkput import __version__
from bulkput.fleet.cluster import Cluster, answered, open_cluster
from bulkput.fleet.node import Node
from bulkput.fleet.run_state import STOPPING, VERSION, readable
from bulkput.model.errors import ConfigError, Problem, TemporaryError, UsageError

CANCEL_LIMIT_S = 30.0
"""A driver asks its mailbox twice a second; one that is started again takes some seconds."""
_LOOK_S = 0.5


@dataclass(frozen=True)
class FleetState:
    """A cluster at one moment."""

    nodes: Sequence[Node]
    runs: Mapping[str, Mapping[str, Any]]
    """By the ids of their jobs: what each driver last reported, as ``readable``."""

    def as_dict(self) -> dict[str, Any]:
        """Return the documented JSON object."""
        hosts = [
            {"host": node.name, "address": node.address, "labels": dict(node.labels)}
            for node in self.nodes
        ]
        return {
            "hosts": hosts,
            "runs": [{"job_id": key} | dict(self.runs[key]) for key in self.runs],
        }


async def fleet_state(address: str, report: Callable[[str], None]) -> FleetState:
    """Return what the cluster at an address is doing; what is waited for is reported.

    Raises:
        BulkputError: it cannot be asked.
    """
    async with open_cluster(address, report) as cluster:
        runs = await _states(await cluster.runs())
        return FleetState(await cluster.nodes(), runs)


async def _states(mailboxes: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return what the drivers of runs last reported; one that ends in this moment is left out."""
    states: dict[str, Mapping[str, Any]] = {}
    for run, mailbox in mailboxes.items():
        with contextlib.suppress(TemporaryError):
            ask = getattr(mailbox, "status", None)  # of another version, it may have none
            states[run] = readable({} if ask is None else await answered(ask))
    return states


async def cancel_runs(address: str, job: str | None, report: Callable[[str], None]) -> list[str]:
    """Let a run stop, or the only one there is; returns the names of the jobs.

    Its driver has taken it when this returns: a mailbox that is started again forgets a wish.

    Args:
        address: Of the cluster.
        job: Name or id; None is any.
        report: Called with what is waited for.

    Raises:
        UsageError: there is no such run, or there are several.
        ConfigError: it is of another version.
        TemporaryError: its driver does not confirm it.
        BulkputError: the cluster cannot be asked.
    """
    async with open_cluster(address, report) as cluster:
        states = await _states(await cluster.runs())
        names = {run: str(state["job"]) for run, state in states.items()}
        found = {run: name for run, name in names.items() if job is None or job in (run, name)}
        if not found:
            raise UsageError("no such run is under way on this cluster")
        if len(found) > 1:
            several = ", ".join(f"{name} ({run})" for run, name in found.items())
            raise UsageError(f"several runs are under way: {several}. Name one by its id")
        for run, name in found.items():
            _require_same_version(f"{name} ({run})", states[run][VERSION])
            await stop_run(cluster, run, name)
        return list(found.values())


def _require_same_version(run: str, version: str) -> None:
    if version != __version__:
        text = (
            f"{run} is of {version or 'another bulkput'}, and this is {__version__}: cancel it by "
            "that one, or end its driver by SIGTERM"
        )
        raise ConfigError((Problem("", text),))


async def stop_run(cluster: Cluster, run: str, name: str) -> None:
    """Repeat the wish to stop until the driver of a run has taken it, or is gone.

    Raises:
        TemporaryError: it does neither.
    """
    loop = asyncio.get_running_loop()
    end_s = loop.time() + CANCEL_LIMIT_S
    while loop.time() < end_s:
        with contextlib.suppress(TemporaryError):
            mailbox = (await cluster.runs()).get(run)
            if mailbox is None:
                return
            await answered(mailbox.stop)
            if (await answered(mailbox.status)).get(STOPPING):
                return
        await asyncio.sleep(_LOOK_S)
    raise TemporaryError(
        f"{name} ({run}) was asked to stop, and its driver has not confirmed it within "
        f"{CANCEL_LIMIT_S:.0f} s: it may run on. Repeat the command, or end the driver by SIGTERM"
    )
