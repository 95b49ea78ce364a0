"""The form of a snapshot's id."""

import re

SNAPSHOT_ID_MAX_CHARS = 48
"""``snap-`` and 17 hex digits today; a ledger's table keeps room for longer ones."""

SNAPSHOT_ID_PATTERN = r"^snap-[0-9a-f]+$"
"""Of the service model, which Python and ECMAScript read alike."""

SNAPSHOT_ID_EXPECTED = "a snapshot's id such as snap-0123456789abcdef0"
"""To follow "expected"."""

_SNAPSHOT_ID = re.compile(SNAPSHOT_ID_PATTERN)


def is_snapshot_id(value: object) -> bool:
    """Return whether ``value`` has the form of a snapshot's id."""
    return (
        isinstance(value, str)
        and len(value) <= SNAPSHOT_ID_MAX_CHARS
        and _SNAPSHOT_ID.fullmatch(value) is not None
    )
