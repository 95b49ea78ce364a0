"""The form of a snapshot's id."""

import re

SNAPSHOT_ID_MAX_CHARS = 48
"""``snap-`` and 17 hex digits today; a ledger's table keeps room for longer ones."""

_SNAPSHOT_ID = re.compile(r"snap-[0-9a-f]+")


def is_snapshot_id(value: object) -> bool:
    """Tell whether ``value`` has the form of a snapshot's id."""
    return (
        isinstance(value, str)
        and len(value) <= SNAPSHOT_ID_MAX_CHARS
        and _SNAPSHOT_ID.fullmatch(value) is not None
    )
