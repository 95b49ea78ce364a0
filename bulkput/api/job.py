"""Whole jobs, as ``bulkput run`` runs them: of one volume or many."""

import os
from collections.abc import Mapping
from pathlib import Path

from bulkput.api.observer import OnEvent
from bulkput.config.load import load_settings
from bulkput.config.settings import JobSettings
from bulkput.model.job_outcomes import JobOutcomes


def load_job(path: str | Path, *, environ: Mapping[str, str] = os.environ) -> JobSettings:
    """Return the job of a YAML file, with what the ``BULKPUT_`` variables override.

    Args:
        path: The file.
        environ: Where the variables are; an empty mapping for none.

    Raises:
        ConfigError: with every problem found.
    """
    return load_settings(path, environ=environ).settings


async def run(job: JobSettings, *, on_event: OnEvent | None = None) -> JobOutcomes:
    """Upload every volume of ``job``, ``job.parallel`` of them at a time, under one account's rate.

    A volume that fails does not end the others: its outcome has the status ``failed`` and
    the error. After a cancellation no put is under way and the ledgers are closed: the same call
    resumes.

    Returns:
        The outcomes in the order of the volumes; their ``images`` has those of the images.

    Raises:
        BulkputError: what concerns the job as a whole.
    """
    from bulkput.api.delivery import deliver  # noqa: PLC0415 - heavy, as the next
    from bulkput.api.undelivered import run_undelivered  # noqa: PLC0415 - only a run pays for it

    outcomes = await run_undelivered(job, on_event=on_event)
    # Not awaited: a cancellation from here on would take what it marks as delivered.
    deliver(job, outcomes, outcomes.images)
    return outcomes
