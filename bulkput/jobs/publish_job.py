"""The later steps of a job alone, for snapshots that exist: nothing is uploaded."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from bulkput.config.settings import JobSettings
from bulkput.config.volume import VolumeSettings
from bulkput.jobs.images.prepare import PreparedJob, read_uefi_data
from bulkput.jobs.images.run_images import run_images
from bulkput.jobs.process.spot_interruption import until_notice
from bulkput.jobs.publish.account import account_of
from bulkput.jobs.publish.missing_blocks import lacks_blocks
from bulkput.jobs.session.context import JobContext
from bulkput.jobs.session.open import open_context
from bulkput.jobs.state.job_round import JobFolders
from bulkput.ledger.header import LedgerHeader, LedgerPhase
from bulkput.ledger.header_file import read_header
from bulkput.model.errors import BulkputError, ConfigError, Problem
from bulkput.model.events import Noted, Observer, PhaseChanged, VolumeEnded, VolumeStarted
from bulkput.model.job_outcomes import JobOutcomes
from bulkput.model.outcome import VolumeOutcome
from bulkput.model.progress import Phase, Progress
from bulkput.publish.account import settling_until_s
from bulkput.publish.copies import describe_source
from bulkput.publish.snapshot import publish_snapshot


async def publish_job(
    settings: JobSettings, named: Mapping[str, str], *, observer: Observer
) -> JobOutcomes:
    """Do what becomes of the job's snapshots, of those that are completed.

    Args:
        settings: The job.
        named: Snapshots by the names of their volumes; of the others the ledgers know.
        observer: Hears what happens.

    Raises:
        ConfigError: a volume of that name does not exist.
        BulkputError: what concerns the job as a whole.
    """
    labels = [volume.label for volume in settings.volumes]
    for label in named:
        if label not in labels:
            what = f"expected the name of a volume of the job: {', '.join(labels)}"
            raise ConfigError((Problem("--snapshot", what),))
    async with open_context(settings, observer) as context:

        async def work() -> JobOutcomes:
            uefi_data = await read_uefi_data(context)
            # The snapshots are older than this run: an earlier one may have begun the same.
            settled_s = settling_until_s(context.clock)
            known = _Known(context)
            volumes = [
                await _volume(context, known, volume, named.get(volume.label), settled_s)
                for volume in context.settings.volumes
            ]
            prepared = PreparedJob(context, uefi_data=uefi_data, settled_s=settled_s)
            return JobOutcomes(volumes, await run_images(prepared, volumes))

        return await until_notice(context.clock, work(), context.on_notice)


class _Known:
    """The snapshots that the ledgers know: this host's, and those of others in the state store."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._folders = JobFolders(context.state_dir, context.endpoint_url, context.service.region)
        self._store = context.state_store

    async def completed(
        self, volume: VolumeSettings, named: str | None, note: Callable[[str], None]
    ) -> tuple[Path | None, str | None]:
        """Return the folder of a volume's ledger and its completed snapshot; None of either.

        Args:
            volume: The volume.
            named: The snapshot that counts, whatever the ledger says.
            note: Reports a store that cannot be read.
        """
        folder = self._folders.of(volume)
        header = None
        with suppress(BulkputError):
            header = await self._context.workers.run(partial(read_header, folder))
        try:
            header = await self._stored(folder) or header
        except BulkputError as error:
            self._store = None  # asked once: it takes its time to be found down
            note(f"the state store cannot be read, and only this host's state counts: {error}")
        is_it = header is not None and named in {None, header.snapshot_id}
        if header is not None and is_it and header.phase is LedgerPhase.COMPLETED:
            return folder, header.snapshot_id
        return None, named

    async def _stored(self, folder: Path) -> LedgerHeader | None:
        """Return a header that another host has gone on with; None if this host's counts.

        Raises:
            BulkputError: the store cannot be read.
        """
        if self._store is None:
            return None
        from bulkput.jobs.stored import read_stored_upload  # noqa: PLC0415 - who has a store pays
        from bulkput.jobs.stored_jobs import is_further  # noqa: PLC0415 - the same

        context = self._context
        now_unix_s = context.clock.unix_s()
        found = await read_stored_upload(self._store.objects, folder.name, now_unix_s)
        if found is None:
            return None
        is_newer = await context.workers.run(partial(is_further, found, context.state_dir))
        return found.header if is_newer else None


async def _volume(
    context: JobContext,
    known: _Known,
    volume: VolumeSettings,
    snapshot_id: str | None,
    settled_s: float,
) -> VolumeOutcome:
    """Do the steps of one volume, and return what became of it."""
    progress = Progress(volume.label)
    context.observer.on_event(VolumeStarted(progress, volume.source.shown))
    notes: list[str] = []

    def note(text: str) -> None:
        notes.append(text)
        context.observer.on_event(Noted(volume.label, text))

    folder, found_id = await known.completed(volume, snapshot_id, note)
    progress.snapshot_id = found_id
    published: dict[str, object] = {}
    error: BulkputError | None = None
    try:
        if found_id is None:
            what = (
                f"no completed snapshot of it is known in {_places(context)}: run the job, or "
                f"name one with --snapshot {volume.label}=SNAPSHOT"
            )
            raise ConfigError((Problem(volume.label, what),))
        account = account_of(
            context, volume.label, context.retrier(volume.label), note, settled_s=settled_s
        )
        if not volume.is_published:
            await describe_source(account, found_id)  # for an image: it shall not be a mistyped id
        else:
            progress.phase = Phase.PUBLISHING
            context.observer.on_event(PhaseChanged(volume.label, Phase.PUBLISHING))
            lacks = await lacks_blocks(context, found_id)
            await publish_snapshot(account, found_id, volume, published, lacks_zeros=lacks)
    except BulkputError as failure:
        error = failure
    progress.phase = Phase.DONE if error is None else Phase.FAILED
    outcome = VolumeOutcome(
        volume=volume.label,
        source=volume.source.shown,
        status="completed" if error is None else "failed",
        snapshot_id=found_id,
        ledger_folder=folder,
        published=published,
        notes=tuple(notes),
        error=None if error is None else str(error),
        exit_code=0 if error is None else error.status,
        cause=error,
    )
    context.observer.on_event(VolumeEnded(outcome))
    return outcome


def _places(context: JobContext) -> str:
    """Return where snapshots of volumes are looked for, in words."""
    store = context.store_address
    return "the state folder" if store is None else f"the state folder and {store}"
