"""The later steps of a job alone, for snapshots that exist: nothing is uploaded."""

from collections.abc import Mapping
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
from bulkput.ledger.header import LedgerPhase
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
            volumes = [
                await _volume(context, volume, named.get(volume.label), settled_s)
                for volume in context.settings.volumes
            ]
            prepared = PreparedJob(context, uefi_data=uefi_data, settled_s=settled_s)
            return JobOutcomes(volumes, await run_images(prepared, volumes))

        return await until_notice(context.clock, work(), context.on_notice)


async def _volume(
    context: JobContext, volume: VolumeSettings, snapshot_id: str | None, settled_s: float
) -> VolumeOutcome:
    """Do the steps of one volume, and return what became of it."""
    progress = Progress(volume.label)
    context.observer.on_event(VolumeStarted(progress, volume.source.shown))
    notes: list[str] = []

    def note(text: str) -> None:
        notes.append(text)
        context.observer.on_event(Noted(volume.label, text))

    folder, found_id = await context.workers.run(partial(_completed, context, volume, snapshot_id))
    progress.snapshot_id = found_id
    published: dict[str, object] = {}
    error: BulkputError | None = None
    try:
        if found_id is None:
            what = (
                "no completed snapshot of it is known in the state folder: run the job, or name "
                f"one with --snapshot {volume.label}=SNAPSHOT"
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


def _completed(
    context: JobContext, volume: VolumeSettings, named: str | None
) -> tuple[Path | None, str | None]:
    """Return the folder of a volume's ledger and its completed snapshot; None of either. Blocks.

    Args:
        context: The job's.
        volume: The volume.
        named: The snapshot that counts, whatever the ledger says.
    """
    folders = JobFolders(context.state_dir, context.endpoint_url, context.service.region)
    folder = folders.of(volume)
    with suppress(BulkputError):
        header = read_header(folder)
        if header.phase is LedgerPhase.COMPLETED and named in {None, header.snapshot_id}:
            return folder, header.snapshot_id
    return None, named
