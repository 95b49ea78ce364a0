"""What an attempt at a volume is given: its part of the job, and whose quota it puts by."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import replace

from bulkput import __version__
from bulkput.config.settings import JobSettings
from bulkput.ebs.snapshot import FoundSnapshot
from bulkput.fleet.begun import Recorded, pending_by_upload
from bulkput.fleet.protocol import Order
from bulkput.jobs.session.context import JobContext
from bulkput.jobs.state.job_round import JobFolders


class Orders:
    """Of one run."""

    def __init__(self, context: JobContext, account: str, recorded: Recorded) -> None:
        """Give the run a name that no other run has.

        Args:
            context: The job's, opened.
            account: Whose quota it is.
            recorded: What earlier runs of the job noted.
        """
        self._context, self._account, self._recorded = context, account, recorded
        self._run = secrets.token_hex(6)
        folders = JobFolders(context.state_dir, context.endpoint_url, context.service.region)
        volumes = context.settings.volumes
        self._permits = {volume.label: folders.of(volume).name for volume in volumes}
        request = context.settings.request
        self._is_fresh = request is not None and request.begin == "fresh"

    def begun(self, pending: Iterable[FoundSnapshot]) -> Mapping[str, str]:
        """Return the pending snapshots that attempts go on with, by the labels of their volumes.

        None of a fresh run: it begins others.
        """
        if self._is_fresh:
            return {}
        found = pending_by_upload(pending, self._recorded)
        permits = self._permits.items()
        return {label: found[permit] for label, permit in permits if permit in found}

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
            permit=self._permits[volume],
            volume=volume,
            settings=_of_one(context.settings, volume, context.service.region),
            server=context.server,
            account=self._account,
            rate_limits=context.rate_limits,
            get_rate_limits=context.get_rate_limits,
            version=__version__,
            delivered=None if self._is_fresh and not is_begun else self._recorded.reported,
        )


def _of_one(settings: JobSettings, label: str, region: str) -> JobSettings:
    """Return the job of one of its volumes alone, in the driver's Region.

    A host may be configured for another one, or for none: the quota and its permits are of this.
    """
    volumes = tuple(volume for volume in settings.volumes if volume.label == label)
    alone = settings.model_copy(update={"parallel": 1, "volumes": volumes, "region": region})
    request = settings.request
    return alone if request is None else alone.requested(replace(request, left_out=()))
