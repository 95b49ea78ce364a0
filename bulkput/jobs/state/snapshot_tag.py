"""The owner tag, on every snapshot that is started: it names the place of the ledger.

It lets a pending snapshot be found whose ledger is lost. Pure but for what machine this is.

    HOST+ID:STATE_DIR/FOLDER alive=UNIX_TIME
    s3://BUCKET/PREFIX/FOLDER alive=UNIX_TIME

``ID`` distinguishes machines of one name as far as something does: the instance or hardware, and
the machine id. What is cloned with all of that, and containers, only the lease distinguishes,
the time at the end, which only an upload that works writes (see ``jobs/upload/lease.py``). Neither
the boot nor the folder's inode is part of it: what a machine left before it went down, or a folder
that was lost, is just what is to be found.
"""

import hashlib
import re
import socket
from collections.abc import Mapping
from pathlib import Path

from bulkput.config.snapshot_section import SnapshotSettings
from bulkput.machine.identity import machine_id

OWNER_TAG_KEY = "bulkput"
_TAGS_MAX = 50
_PLACE_MAX_CHARS = 156
"""A tag's value has 255; a volume's folder takes 78 of them at most, with its slash, the lease 20.
"""
_LEASE = re.compile(r" alive=(\d{1,13})\Z")
LEASE_S = 3600.0
"""How long an upload is believed to be at work after its lease was renewed."""


def place_of(state_dir: Path, store: str | None = None) -> str:
    """Return ``HOST+ID:STATE_DIR``, or a digest of it where that is no text for a tag.

    Args:
        state_dir: Where ledgers are.
        store: The state store's address, if there is one: then it is the place, and the same on
            every machine, whose starts with one token must be alike.
    """
    place = store or f"{socket.gethostname()}+{machine_id()}:{state_dir.resolve()}"
    if len(place) <= _PLACE_MAX_CHARS and place.isprintable():
        return place
    return "sha256:" + hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest()


def owner_tag(folder: Path, store: str | None = None) -> str:
    """Return the tag's value for the upload whose ledger is in ``folder``."""
    return f"{place_of(folder.parent, store)}/{folder.name}"


def is_from(mark: str, state_dir: Path, store: str | None = None) -> bool:
    """Return whether the ledger was in ``state_dir`` of this machine, or in the store."""
    place = _LEASE.sub("", mark).rpartition("/")[0]
    return place in {place_of(state_dir), place_of(state_dir, store)}


def folder_name(mark: str) -> str:
    """Return the name of the folder that the ledger was in."""
    return _LEASE.sub("", mark).rpartition("/")[2]


def leased_tag(folder: Path, now_unix_s: float, store: str | None = None) -> str:
    """Return the tag's value of an upload that is at work now."""
    return f"{owner_tag(folder, store)} alive={now_unix_s:.0f}"


def is_alive(mark: str, now_unix_s: float) -> bool:
    """Return whether an upload was at work on the snapshot a short while ago."""
    lease = _LEASE.search(mark)
    return lease is not None and now_unix_s < int(lease[1]) + LEASE_S


def tags_with_owner(
    snapshot: SnapshotSettings, folder: Path, store: str | None = None
) -> Mapping[str, str]:
    """Return the snapshot's tags and, if it takes one more, the mark.

    A token that the user gave is to find the same snapshot from any folder and machine, so its
    parameters must not depend on them.
    """
    tags = snapshot.tags
    full = OWNER_TAG_KEY in tags or len(tags) >= _TAGS_MAX
    if not snapshot.mark or full or snapshot.client_token is not None:
        return tags
    return {**tags, OWNER_TAG_KEY: owner_tag(folder, store)}
