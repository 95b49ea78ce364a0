"""Pending snapshots whose ledgers are lost are found and deleted; no function of the library."""

from collections.abc import Callable
from pathlib import Path

from bulkput.config.service import ServiceSettings
from bulkput.jobs.gc import Orphan, SharedLedgers, collect
from bulkput.jobs.session.connection import open_snapshots
from bulkput.jobs.state.uploads import Entry

__all__ = ["Orphan", "collect_orphans"]


async def collect_orphans(
    settings: ServiceSettings,
    state_dir: Path,
    note: Callable[[str], None],
    *,
    elsewhere: bool,
    older_than_s: float,
    delete: bool,
) -> list[Orphan]:
    """Open the service and do as ``collect``; ``note`` hears of repeated calls.

    Raises:
        BulkputError: the service cannot be opened, or the snapshots cannot be looked for.
    """
    async with open_snapshots(settings, note) as snapshots:
        return await collect(
            snapshots,
            state_dir,
            elsewhere=elsewhere,
            older_than_s=older_than_s,
            delete=delete,
            shared=_shared(settings, note),
        )


def _shared(settings: ServiceSettings, note: Callable[[str], None]) -> SharedLedgers | None:
    if settings.state_store is None:
        return None
    from bulkput.api.store import shown_address, stored_uploads  # noqa: PLC0415 - who has one pays

    async def read() -> list[Entry]:
        return [each.entry for each in await stored_uploads(settings, note)]

    return SharedLedgers(shown_address(settings.state_store), read)
