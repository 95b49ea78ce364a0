"""Whether a volume is tried again, by how its attempt ended. A table, pure."""

from collections.abc import Mapping

from bulkput.model.exit_code import ExitCode

LOST = -1
"""In place of an exit code: the host or its cluster lost the attempt, and nobody knows its end."""

KILLED = 128
"""128 + N stands for signal N, and is looked up as this if it has no row of its own."""

RETRIES: Mapping[int, int] = {
    ExitCode.TEMPORARY: 10,
    ExitCode.QUOTA: 10,
    ExitCode.MACHINE: 3,
    ExitCode.UNEXPECTED: 1,
    KILLED: 2,
    LOST: 3,
}
"""How often an attempt that ended so is followed by another; any other end is final. A volume that
kills its process, or its host, does so three or four times, and the fleet goes on."""

FIRST_DELAY_S = 5.0
DELAY_MAX_S = 300.0
"""Twice the last one, up to this: eleven attempts take 25 minutes, which most outages do not."""


def kind_of(exit_code: int) -> int:
    """Return the row of the table that counts an end."""
    return min(KILLED, exit_code)


def retry_delay_s(
    exit_code: int, earlier: int, retries: Mapping[int, int] = RETRIES
) -> float | None:
    """Return how long to wait before the next attempt; None if there is none.

    Args:
        exit_code: Of the attempt that ended, or `LOST`.
        earlier: Attempts before it that ended in the same way.
        retries: How many there are, by exit code; one of a signal comes before `KILLED`.
    """
    most = retries.get(exit_code, retries.get(kind_of(exit_code), 0))
    if earlier >= most:
        return None
    return float(min(DELAY_MAX_S, FIRST_DELAY_S * 2.0**earlier))
