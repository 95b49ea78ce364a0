"""What a cluster is doing, for people: its hosts, and the runs on it."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bulkput.fleet.cluster import answered, open_cluster
from bulkput.fleet.node import Node
from bulkput.model.errors import UsageError


@dataclass(frozen=True)
class FleetState:
    """A cluster at one moment."""

    nodes: Sequence[Node]
    runs: Mapping[str, Mapping[str, Any]]
    """By the ids of their jobs: what each driver last reported."""

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


async def fleet_state(address: str) -> FleetState:
    """Return what the cluster at an address is doing.

    Raises:
        BulkputError: it cannot be asked.
    """
    async with open_cluster(address) as cluster:
        runs: dict[str, Mapping[str, Any]] = {}
        for run, mailbox in (await cluster.runs()).items():
            with contextlib.suppress(Exception):  # of Ray: one that ends in this moment
                runs[run] = await answered(mailbox.status.remote())
        return FleetState(await cluster.nodes(), runs)


async def cancel_runs(address: str, job: str | None) -> list[str]:
    """Ask a run to stop, or the only one there is; returns the names of the jobs.

    Args:
        address: Of the cluster.
        job: Name or id; None is any.

    Raises:
        UsageError: there is no such run, or there are several.
        BulkputError: the cluster cannot be asked.
    """
    async with open_cluster(address) as cluster:
        mailboxes = await cluster.runs()
        found: dict[str, str] = {}
        for run, mailbox in mailboxes.items():
            name = str((await answered(mailbox.status.remote()))["job"])
            if job is None or job in (run, name):
                found[run] = name
        if not found:
            raise UsageError("no such run is under way on this cluster")
        if len(found) > 1:
            names = ", ".join(f"{name} ({run})" for run, name in found.items())
            raise UsageError(f"several runs are under way: {names}. Name one by its id")
        for run in found:
            await answered(mailboxes[run].stop.remote())
        return list(found.values())
