"""Names and labels of nodes that something else started: `ray start`, a launcher, Kubernetes.

Ray takes labels only when a node starts. So these are kept by the node's id where the head keeps
its own tables, and are read with the list of nodes.
"""

import json
from collections.abc import Iterable, Mapping
from functools import partial
from importlib import import_module
from typing import Any

from bulkput.fleet.connection import NAMESPACE, Call

_PREFIX = b"node "


def key_of(node_id: str, labels: Mapping[str, str]) -> bytes:
    """Return under which key labels are kept: with them, so that one call lists all."""
    return _PREFIX + json.dumps([node_id, dict(labels)], sort_keys=True).encode()


def labels_by_node(keys: Iterable[bytes]) -> dict[str, dict[str, str]]:
    """Return the labels that are kept, by the ids of nodes."""
    found: dict[str, dict[str, str]] = {}
    for key in sorted(keys):
        node_id, labels = json.loads(key.removeprefix(_PREFIX))
        found.setdefault(node_id, {}).update(labels)
    return found


class NodeLabels:
    """Those of a cluster's nodes."""

    def __init__(self, call: Call) -> None:
        """Call Ray by ``call``."""
        self._call = call

    async def read(self) -> dict[str, dict[str, str]]:
        """Return them by the ids of nodes, also of some that are gone."""
        return labels_by_node(await self._call(_listed))

    async def keep(self, node_id: str, labels: Mapping[str, str]) -> None:
        """Keep a node's labels in place of earlier ones."""
        await self.drop(node_id)
        put = _table()._internal_kv_put  # noqa: SLF001 - as below
        await self._call(partial(put, key_of(node_id, labels), b"", namespace=NAMESPACE))

    async def drop(self, node_id: str) -> None:
        """Forget a node's labels."""
        prefix = key_of(node_id, {}).removesuffix(b"{}]")
        delete = _table()._internal_kv_del  # noqa: SLF001 - as below
        await self._call(partial(delete, prefix, del_by_prefix=True, namespace=NAMESPACE))


def _table() -> Any:
    return import_module("ray.experimental.internal_kv")


def _listed() -> list[bytes]:
    """Return all keys. Blocks."""
    # Ray's own libraries use it so; it has no public name. A Ray without it knows no such labels.
    find = getattr(_table(), "_internal_kv_list", None)
    return [] if find is None else list(find(_PREFIX, namespace=NAMESPACE))
