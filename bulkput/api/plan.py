"""What an upload would put and cost, before anything is sent."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from bulkput.api.observer import OnEvent, observer_of
from bulkput.api.options import UploadOptions
from bulkput.config.settings import JobSettings

if TYPE_CHECKING:
    from bulkput.jobs.plan.forecast import JobForecast  # numpy, which only a plan pays

OnProgress = Callable[[str, float], None]
"""Called with a volume's name and the share of its blocks that have been looked at."""


async def plan(
    what: UploadOptions | JobSettings,
    *,
    by_extents: bool = False,
    on_progress: OnProgress | None = None,
    on_event: OnEvent | None = None,
) -> "JobForecast":
    """Read the sources as an upload would, and return what it would put. Sends nothing to anybody.

    Args:
        what: One disk, or a whole job.
        by_extents: Read nothing: all that is no hole counts as data, and puts are an upper bound.
        on_progress: Called in the event loop.
        on_event: Hears how far each volume is.

    Returns:
        A forecast for each volume; those that could not be uploaded have an error.

    Raises:
        BulkputError: what concerns the job as a whole.
    """
    from bulkput.jobs.plan.plan_job import plan_job  # noqa: PLC0415 - see above

    job = what.settings if isinstance(what, UploadOptions) else what
    return await plan_job(
        job,
        by_extents=by_extents,
        on_progress=on_progress or _ignore,
        observer=observer_of(on_event),
    )


def _ignore(volume: str, fraction: float) -> None:
    pass
