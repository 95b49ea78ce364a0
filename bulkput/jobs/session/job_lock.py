"""One run of a job at a time: two would divide its volumes between them, and both end as failed."""

import contextlib
from collections.abc import Iterator

from bulkput.config.settings import JobSettings
from bulkput.jobs.session.context import JobContext
from bulkput.jobs.state.upload_key import upload_key
from bulkput.ledger.folder import ensure_folder, volume_folder
from bulkput.ledger.lock import LOCK_NAME, FolderLock
from bulkput.ledger.state_file import remove_file
from bulkput.model.errors import LedgerError

_FOLDER_NAME = "running"


@contextlib.contextmanager
def locked_job(context: JobContext) -> Iterator[None]:
    """Hold the job of ``context`` for this process. Blocks for some file operations.

    A job is what its volumes are, so that another file with the same volumes is the same job, and
    a job of other volumes is none. One of a single volume has its ledger's lock.

    Raises:
        LedgerError: another process runs it, or the state folder cannot be written.
        TemporaryError: the disk is full.
    """
    if len(context.settings.volumes) == 1:
        yield
        return
    folder = volume_folder(
        context.state_dir / _FOLDER_NAME,
        context.settings.name or "job",
        _texts(context, context.settings),
    )
    ensure_folder(folder.parent)
    ensure_folder(folder)
    with FolderLock(folder, "job"):
        try:
            yield
        finally:
            # While it is held: who opened the lock meanwhile finds that it is not in place.
            with contextlib.suppress(OSError, LedgerError):
                remove_file(folder / LOCK_NAME)
                folder.rmdir()


def _texts(context: JobContext, settings: JobSettings) -> Iterator[str]:
    for volume in settings.volumes:
        yield from upload_key(
            volume,
            endpoint_url=context.endpoint_url,
            region=context.service.region,
            source_path=volume.source.path or "",
        )
