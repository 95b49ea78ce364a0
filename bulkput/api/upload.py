"""One disk becomes a snapshot."""

from bulkput.api.job import run
from bulkput.api.observer import OnEvent
from bulkput.api.options import UploadOptions
from bulkput.model.outcome import VolumeOutcome


async def upload(options: UploadOptions, *, on_event: OnEvent | None = None) -> VolumeOutcome:
    """Upload one disk and return what became of it: ``completed``, or ``pending`` with ``no wait``.

    The same call again resumes what was left unfinished. After a cancellation no put is under way
    and the ledger is closed. Sets no signal handler, prints nothing, and changes neither loggers
    nor environment; several calls may run at once, in one event loop or in several.

    Args:
        options: The disk and its snapshot.
        on_event: Hears phases, retries and notes, and first of all a ``VolumeStarted`` whose
            ``progress`` stays current.

    Raises:
        ConfigError: the options cannot be used; carries every problem.
        CredentialsError: there are none, or they are not enough.
        SourceError: the source cannot be read, or changed.
        ServiceError: a call failed for good.
        SnapshotError: the snapshot ended in error or vanished.
        IntegrityError: what was read back differs.
        LedgerError: the state of an earlier run cannot be used, or is in use.
        TemporaryError: it stopped for a reason that may pass; the same call resumes.
    """
    (outcome,) = await run(options.settings, on_event=on_event)
    if outcome.cause is not None:
        raise outcome.cause
    return outcome
