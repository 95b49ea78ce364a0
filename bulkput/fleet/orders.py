"""What an attempt at a volume is given: its part of the job, and whose quota it puts by."""

import secrets
from dataclasses import replace

from bulkput import __version__
from bulkput.config.settings import JobSettings
from bulkput.fleet.protocol import Order
from bulkput.jobs.session.context import JobContext
from bulkput.jobs.state.job_round import JobFolders


class Orders:
    """Of one run."""

    def __init__(self, context: JobContext, account: str, reported: frozenset[str]) -> None:
        """Give the run a name that no other run has.

        Args:
            context: The job's, opened.
            account: Whose quota it is.
            reported: Snapshots of rounds of the job that are over.
        """
        self._context, self._account, self._reported = context, account, reported
        self._run = secrets.token_hex(6)
        self._folders = JobFolders(context.state_dir, context.endpoint_url, context.service.region)
        self._volumes = {volume.label: volume for volume in context.settings.volumes}
        request = context.settings.request
        self._is_fresh = request is not None and request.begin == "fresh"

    def order(self, volume: str, attempt: int, *, is_begun: bool = False) -> Order:
        """Return the order of an attempt, counted from 1, at a volume.

        Args:
            volume: Its label.
            attempt: Its number.
            is_begun: An attempt of this run has begun the volume, so that this one goes on with it.
        """
        context = self._context
        return Order(
            client=f"{self._run}/{volume}/{attempt}",
            permit=self._folders.of(self._volumes[volume]).name,
            volume=volume,
            settings=_of_one(context.settings, volume, context.service.region),
            server=context.server,
            account=self._account,
            rate_limits=context.rate_limits,
            get_rate_limits=context.get_rate_limits,
            version=__version__,
            delivered=None if self._is_fresh and not is_begun else self._reported,
        )


def _of_one(settings: JobSettings, label: str, region: str) -> JobSettings:
    """Return the job of one of its volumes alone, in the driver's Region.

    A host may be configured for another one, or for none: the quota and its permits are of this.
    """
    volumes = tuple(volume for volume in settings.volumes if volume.label == label)
    alone = settings.model_copy(update={"parallel": 1, "volumes": volumes, "region": region})
    request = settings.request
    return alone if request is None else alone.requested(replace(request, left_out=()))
