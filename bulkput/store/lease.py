"""Whether somebody holds an upload, and how it is reported. Pure.

How long ago a cut was written is known by the store's own two times, of the object and of the
answer, so that no host's clock counts; only where a store does not send them the hosts' are taken.
"""

from datetime import UTC, datetime

from bulkput.store.cut import Writer

LEASE_INTERVALS = 4
"""Three cuts in a row may fail, and the fourth be late."""

LEASE_MIN_S = 5.0
"""The store's times are in whole seconds."""

NOBODY_S = 0.0


def lease_s(interval_s: float) -> float:
    """Return for how long a cut holds an upload that is written every ``interval_s``."""
    return max(LEASE_MIN_S, LEASE_INTERVALS * interval_s)


def held_for_s(writer: Writer, age_s: float | None, now_unix_s: float) -> float:
    """Return for how long ``writer`` holds the upload yet; 0 if it does not.

    Args:
        writer: Of the cut.
        age_s: Since it was written, by the store's clock.
        now_unix_s: By this host's, where the store does not say.
    """
    since_s = max(0.0, now_unix_s - writer.written_unix_s) if age_s is None else age_s
    return max(0.0, writer.lease_s - since_s)


def words(writer: Writer) -> str:
    """Return who it is, and since when."""
    since = datetime.fromtimestamp(writer.since_unix_s, UTC)
    return f"process {writer.process_id} on {writer.host} since {since:%Y-%m-%d %H:%M:%S} UTC"
