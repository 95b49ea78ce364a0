"""The tags by which what was made is found again, set in the very call that makes it. Pure."""

from collections.abc import Mapping
from typing import Any

SOURCE_TAG = "bulkput:source"
"""Of a copy and a volume: the snapshot that it was made of."""
KEY_TAG = "bulkput:key"
"""Of a copy: the key that was asked for, or ``default``."""
FAMILY_TAG = "bulkput:family"
"""Of an image and its copies' snapshots."""

PRUNED_TAG = "bulkput:pruned"
"""Of a snapshot whose image is being deleted: family and image."""

DEFAULT_KEY = "default"
_RESERVED = ("aws:", "bulkput")


def own_tags(item: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags of something that EC2 described."""
    return {tag.get("Key", ""): tag.get("Value", "") for tag in item.get("Tags") or ()}


def inherited(tags: Mapping[str, str]) -> dict[str, str]:
    """Return those tags of a snapshot that what is made of it gets too."""
    return {key: value for key, value in tags.items() if not key.lower().startswith(_RESERVED)}


def specification(resource: str, tags: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return what a call that makes ``resource`` takes to tag it at once."""
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    return [{"ResourceType": resource, "Tags": listed}]
