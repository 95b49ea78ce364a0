"""The hosts of a cluster, as Ray lists them. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

NAME_LABEL = "bulkput-host"
"""What a host is called, if not by its host name."""
_RAYS_OWN = "ray.io/"


@dataclass(frozen=True)
class Node:
    """One that is alive."""

    node_id: str
    name: str
    address: str
    labels: Mapping[str, str] = field(default_factory=dict)


def nodes_of(
    listed: Iterable[Mapping[str, Any]], described: Mapping[str, Mapping[str, str]]
) -> list[Node]:
    """Return the hosts by name; several of one name all get a part of their ids.

    None of them keeps the name: what is placed there is on a disk of one of them, and whoever
    knows of which has to give it a name of its own.

    Args:
        listed: By ``ray.nodes()``.
        described: Labels that nodes were given after their start, by their ids.
    """
    found: list[Node] = []
    for each in listed:
        if not each["Alive"]:
            continue
        labels = {
            key: value
            for key, value in each.get("Labels", {}).items()
            if not key.startswith(_RAYS_OWN)
        } | dict(described.get(each["NodeID"], {}))
        name = labels.pop(NAME_LABEL, None) or str(each["NodeManagerHostname"])
        found.append(Node(each["NodeID"], name, str(each["NodeManagerAddress"]), labels))
    counts = Counter(node.name for node in found)
    own = [
        node if counts[node.name] == 1 else replace(node, name=f"{node.name}-{node.node_id[:6]}")
        for node in found
    ]
    return sorted(own, key=lambda node: node.name)
