"""The mark: a tag on every snapshot that is started, which says where its ledger lies.

It lets a pending snapshot be found whose ledger is lost. Pure but for the machine's name.
"""

import hashlib
import socket
from collections.abc import Mapping
from pathlib import Path

from bulkput.config.volume import SnapshotSettings

OWNER_TAG_KEY = "bulkput"
_TAGS_MAX = 50
_PLACE_MAX_CHARS = 176
"""A tag's value has 255; a volume's folder takes 78 of them at most, with its slash."""


def place_of(state_dir: Path) -> str:
    """Return ``MACHINE:STATE_DIR``, or a digest of it where that is no text for a tag."""
    place = f"{socket.gethostname()}:{state_dir.resolve()}"
    if len(place) <= _PLACE_MAX_CHARS and place.isprintable():
        return place
    return "sha256:" + hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest()


def owner_tag(folder: Path) -> str:
    """Return the mark's value for the upload whose ledger is in ``folder``."""
    return f"{place_of(folder.parent)}/{folder.name}"


def is_from(mark: str, state_dir: Path) -> bool:
    """Return whether the ledger was in ``state_dir`` of this machine."""
    return mark.rpartition("/")[0] == place_of(state_dir)


def folder_name(mark: str) -> str:
    """Return the name of the folder that the ledger was in."""
    return mark.rpartition("/")[2]


def tags_with_owner(snapshot: SnapshotSettings, folder: Path) -> Mapping[str, str]:
    """Return the snapshot's tags and, if it takes one more, the mark.

    A token that the user gave is to find the same snapshot from any folder and machine, so its
    parameters must not depend on them.
    """
    tags = snapshot.tags
    full = OWNER_TAG_KEY in tags or len(tags) >= _TAGS_MAX
    if not snapshot.mark or full or snapshot.client_token is not None:
        return tags
    return {**tags, OWNER_TAG_KEY: owner_tag(folder)}
