"""A host's service beside a node that something else started: gives it a name and labels."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping

from bulkput.fleet.cluster import Cluster, open_cluster
from bulkput.fleet.connection import AUTO
from bulkput.fleet.node import NAME_LABEL
from bulkput.model.errors import TemporaryError

LOOK_S = 10.0
"""Between two looks at whether the node is there yet."""


async def describe_this_node(
    name: str | None, labels: Mapping[str, str], report: Callable[[str], None]
) -> None:
    """Give the node that runs on this machine a name and labels, until this is cancelled.

    Args:
        name: What the host is called; None is its host name.
        labels: What it has.
        report: Called with what was done, or is waited for.

    Raises:
        ConfigError: this machine belongs to no cluster.
        TemporaryError: the node has left its cluster, or the head does not answer.
    """
    async with open_cluster(AUTO, report) as cluster:
        await describe(cluster, {**labels, **({NAME_LABEL: name} if name else {})}, report)


async def describe(
    cluster: Cluster, labels: Mapping[str, str], report: Callable[[str], None]
) -> None:
    """Keep labels of the node of this process while there is one; as ``describe_this_node``."""
    node_id = cluster.own_node_id
    await cluster.labels.keep(node_id, labels)
    is_reported = False
    try:
        while here := [node for node in await cluster.nodes() if node.node_id == node_id]:
            if not is_reported:
                report(f"this machine is the host {here[0].name}, as long as this command runs")
                is_reported = True
            await asyncio.sleep(LOOK_S)
    finally:
        with contextlib.suppress(TemporaryError):  # the head's tables are gone with it
            await cluster.labels.drop(node_id)
    raise TemporaryError("the node of this machine has left its cluster")
