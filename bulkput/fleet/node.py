"""The hosts of a cluster, as Ray lists them. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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
    """Return the hosts by name; several of one name get a part of their ids.

    Args:
        listed: By ``ray.nodes()``.
        described: Labels that nodes were given after their start, by their ids.
    """
    found: list[Node] = []
    names: set[str] = set()
    for each in sorted(listed, key=lambda node: str(node["NodeID"])):
        if not each["Alive"]:
            continue
        labels = {
            key: value
            for key, value in each.get("Labels", {}).items()
            if not key.startswith(_RAYS_OWN)
        } | dict(described.get(each["NodeID"], {}))
        name = labels.pop(NAME_LABEL, None) or str(each["NodeManagerHostname"])
        if name in names:
            name = f"{name}-{each['NodeID'][:6]}"
        names.add(name)
        found.append(Node(each["NodeID"], name, str(each["NodeManagerAddress"]), labels))
    return sorted(found, key=lambda node: node.name)
