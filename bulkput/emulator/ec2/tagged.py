"""Everything that has tags, by its id."""

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from bulkput.emulator.ec2.call import Ec2Call
from bulkput.emulator.ec2.errors import (
    Ec2Error,
    images_not_found,
    instance_not_found,
    snapshot_not_found,
    template_not_found,
    volume_not_found,
)
from bulkput.emulator.resources import Tags
from bulkput.emulator.shelf import Shelf
from bulkput.emulator.snapshot import Snapshot


@dataclass(frozen=True)
class Tagged:
    """A resource's tags, and how they are changed."""

    name: str
    tags: Tags
    replace: Callable[[Tags], None]


def tagged(call: Ec2Call, name: str) -> Tagged:
    """Return a resource by its id.

    Raises:
        Ec2Error: there is none.
    """
    kind = _KINDS_BY_PREFIX.get(name.partition("-")[0], "")
    if not kind:
        raise Ec2Error("InvalidID", f"The ID '{name}' is not valid")
    found = next((each for each in RESOURCES[kind](call) if each.name == name), None)
    if found is None:
        raise _NOT_FOUND[kind](name)
    return found


def _snapshots(call: Ec2Call) -> Iterator[Tagged]:
    for each in call.account.store:
        if each.record.is_in(call.region) and not each.record.deleted:
            yield _tagged_snapshot(call, each)


def _tagged_snapshot(call: Ec2Call, snapshot: Snapshot) -> Tagged:
    def replace(tags: Tags) -> None:
        call.account.store.replace(dataclasses.replace(snapshot.record, tags=tags))

    return Tagged(snapshot.record.snapshot_id, snapshot.record.tags or (), replace)


def _shelved(name: str) -> Callable[[Ec2Call], Iterator[Tagged]]:
    def listed(call: Ec2Call) -> Iterator[Tagged]:
        shelf: Shelf[Any] = getattr(call.account.resources, name)
        for each in shelf.in_region(call.region):
            yield _tagged_thing(shelf, each)

    return listed


def _tagged_thing(shelf: Shelf[Any], thing: Any) -> Tagged:
    def replace(tags: Tags) -> None:
        shelf.put(dataclasses.replace(thing, tags=tags))

    return Tagged(thing.name, thing.tags, replace)


RESOURCES: dict[str, Callable[[Ec2Call], Iterator[Tagged]]] = {
    "snapshot": _snapshots,
    "image": _shelved("images"),
    "volume": _shelved("volumes"),
    "instance": _shelved("instances"),
    "launch-template": _shelved("launch_templates"),
}
"""DescribeTags' resource type to what there is of it."""

_KINDS_BY_PREFIX = {
    "snap": "snapshot",
    "ami": "image",
    "vol": "volume",
    "i": "instance",
    "lt": "launch-template",
}
_NOT_FOUND: dict[str, Callable[[str], Ec2Error]] = {
    "snapshot": snapshot_not_found,
    "image": lambda name: images_not_found([name]),
    "volume": volume_not_found,
    "instance": instance_not_found,
    "launch-template": template_not_found,
}
