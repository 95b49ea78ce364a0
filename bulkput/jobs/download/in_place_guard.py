"""Guards what an unfinished download in place has left half written: nothing may build on it.

Changes since an older snapshot assume that it is there, whole. A file or device in which another
download stopped midway is neither the one nor the other, and its size does not show which.
"""

from pathlib import Path
from typing import Any

from bulkput.destination.destination import Target
from bulkput.destination.open import PARTIAL_SUFFIX
from bulkput.ledger.download_state import Restoration
from bulkput.model.errors import DestinationError


def require_no_partial_download(target: Target, restoration: Restoration) -> None:
    """Return if no other download into this file or device is unfinished.

    Raises:
        DestinationError: one was; names it, and what ends it.
    """
    for folder, facts in _others_of(target, restoration):
        since = facts.get("changed_since")
        is_named = target.kind == "file" and target.path.suffix != PARTIAL_SUFFIX
        if since is None and is_named:
            continue  # a file that is downloaded as a whole gets its name when it is whole
        command = f"bulkput download {facts.get('snapshot_id')} {target.path}"
        command += f" --changed-since {since}" if since else ""
        what = (
            "may be half changed by an earlier download: finish that first with "
            f"`{command}`, or, if it was completely rewritten since, remove {folder}"
        )
        raise DestinationError(target.path, what)


def forget_others(target: Target, restoration: Restoration) -> None:
    """Forget other unfinished downloads into a device that was just written as a whole.

    Raises:
        LedgerError: what one of them left cannot be removed.
    """
    for folder, _ in _others_of(target, restoration):
        restoration.forget(folder)


def _others_of(target: Target, restoration: Restoration) -> list[tuple[Path, dict[str, Any]]]:
    return [
        (folder, facts)
        for folder, facts in restoration.others()
        if facts.get("identity") == target.identity
    ]
