"""EC2's view of new snapshots: it lags behind the EBS direct APIs, which know them at once.

So "EC2 does not know it" means that a snapshot is gone only when it is no longer new.
"""

from collections.abc import Awaitable, Callable

from bulkput.ebs.snapshot import SnapshotState
from bulkput.model.clock import Clock

SHOWN_WITHIN_S = 120.0
"""From the start on. As long as puts may take to find it (two minutes, says the EBS team): a small
upload is over before that."""

_POLL_S = 2.0
"""As coldsnap polls; in the common case EC2 has known it since the first second."""


async def describe_new(
    describe: Callable[[], Awaitable[SnapshotState | None]],
    *,
    age_s: float,
    clock: Clock,
    on_unknown: Callable[[], None],
) -> SnapshotState | None:
    """Return what EC2 says of a snapshot; None only if it is gone.

    Args:
        describe: Asks EC2 once, and returns None where it knows nothing.
        age_s: Since the snapshot was started.
        clock: For the wait.
        on_unknown: Called once, if EC2 has to be asked again.

    Raises:
        BulkputError: as ``describe``.
    """
    end_s = clock.monotonic_s() + SHOWN_WITHIN_S - max(0.0, age_s)
    live = await describe()
    if live is None and clock.monotonic_s() < end_s:
        on_unknown()
    while live is None and clock.monotonic_s() < end_s:
        await clock.sleep(_POLL_S)
        live = await describe()
    return live
