"""An unfinished upload is given up; no function of the library."""

from collections.abc import Callable
from pathlib import Path

from bulkput.config.service import ServiceSettings
from bulkput.jobs.abort import Abort, Aborted
from bulkput.jobs.session.connection import open_snapshots
from bulkput.jobs.state.uploads import locate

__all__ = ["Abort", "abort_upload", "choose_upload"]


def choose_upload(state_dir: Path, name: str) -> Abort:
    """Return the unfinished upload of that folder, snapshot or volume; nobody else works on it.

    Raises:
        LedgerError: there is none or more than one, or another process works on it.
        SnapshotError: its snapshot is completed.
    """
    return Abort(locate(state_dir, name, wanted=lambda entry: not entry.is_completed))


async def abort_upload(
    chosen: Abort, settings: ServiceSettings, note: Callable[[str], None]
) -> Aborted:
    """Delete the snapshot and the state of ``chosen``; ``note`` hears of repeated calls.

    Args:
        chosen: The upload, inside its context.
        settings: Whose keys; Region and endpoint are those that the upload was started with.
        note: Called in the event loop.

    Raises:
        BulkputError: the service cannot be opened, or the snapshot cannot be deleted.
    """
    async with open_snapshots(chosen.service(settings), note) as snapshots:
        return await chosen.carry_out(snapshots, settings.state_store)
