"""A whole job whose outcomes the caller will mark as delivered, once they are reported.

With it comes all that a run needs, 0.2 s of imports: a command imports it before its event loop
starts, which would otherwise stand still and look for garbage among modules.
"""

from bulkput.api.observer import OnEvent, observer_of
from bulkput.config.settings import JobSettings
from bulkput.jobs.run import run_job
from bulkput.model.job_outcomes import JobOutcomes


async def run_undelivered(job: JobSettings, *, on_event: OnEvent | None = None) -> JobOutcomes:
    """Do as ``bulkput.api.job.run``, and leave it to the caller to mark the outcomes."""
    return await run_job(job, observer=observer_of(on_event))
