"""The later steps of a job alone: for snapshots that exist."""

from collections.abc import Mapping

from bulkput.api.observer import OnEvent, observer_of
from bulkput.config.settings import JobSettings
from bulkput.model.job_outcomes import JobOutcomes


async def publish_job(
    job: JobSettings,
    *,
    snapshots: Mapping[str, str] | None = None,
    on_event: OnEvent | None = None,
) -> JobOutcomes:
    """Share, copy and lock the snapshots of ``job`` and register its images; nothing is uploaded.

    Args:
        job: Of `load_job`.
        snapshots: By the names of volumes; of the others the ledgers in ``state_dir`` know.
        on_event: Hears what happens.

    Returns:
        The outcomes in the order of the volumes; their ``images`` has those of the images.

    Raises:
        BulkputError: what concerns the job as a whole.
    """
    from bulkput.api.delivery import deliver  # noqa: PLC0415 - 0.5 s that only this pays
    from bulkput.jobs import publish_job as job_steps  # noqa: PLC0415 - the same

    outcomes = await job_steps.publish_job(job, snapshots or {}, observer=observer_of(on_event))
    if job.request is not None and not snapshots:
        deliver(job, (), outcomes.images)  # images that parts of the job have left to this
    return outcomes
