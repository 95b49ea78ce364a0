"""Checks before a snapshot is started or resumed: a second run, and room for the state."""

from pathlib import Path

from bulkput.config.volume import VolumeSettings
from bulkput.jobs.session.context import JobContext
from bulkput.jobs.state.upload_key import upload_folder
from bulkput.ledger.ledger import Ledger
from bulkput.ledger.lock import already_running, holder_of
from bulkput.ledger.manifest import Manifest
from bulkput.ledger.room import missing_room
from bulkput.model.errors import SourceInUseError
from bulkput.source.source import Source


def refuse_second_run(context: JobContext, volume: VolumeSettings, error: SourceInUseError) -> None:
    """Explain a source in use by the run that uploads it already, if that is who uses it. Blocks.

    A device is claimed by the run that reads it, before a second one can come to the ledger's lock.

    Raises:
        LedgerError: another process works on the same upload.
    """
    folder = _folder(context, volume, error.path)
    holder = holder_of(folder)
    if holder is not None:
        raise already_running(folder, holder) from error


def require_room_for(
    ledger: Ledger, source: Source, *, parent: Manifest | None, marks_holes: bool
) -> None:
    """See that the state folder's disk has room for this upload's state. Blocks.

    Where it could be too small for a source full of data, the data is counted, which takes as long
    as finding the holes does.

    Args:
        ledger: Of the upload.
        source: What is read.
        parent: What the snapshot's manifest begins with.
        marks_holes: Holes are put too.

    Raises:
        SourceError: the holes cannot be found.
        TemporaryError: there is too little room.
    """
    missing = missing_room(ledger.folder, source.block_count)
    if missing is None:
        return
    if not marks_holes and not source.is_sequential:
        data_blocks = sum(extent.stop - extent.start for extent in source.extents())
        parents_blocks = 0 if parent is None else parent.present_count
        missing = missing_room(ledger.folder, data_blocks + parents_blocks)
    if missing is not None:
        raise missing


def _folder(context: JobContext, volume: VolumeSettings, path: Path) -> Path:
    return upload_folder(
        context.state_dir,
        volume,
        endpoint_url=context.endpoint_url,
        region=context.service.region,
        source_path=path,
    )
