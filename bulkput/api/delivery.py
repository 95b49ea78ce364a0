"""That outcomes were reported is recorded: a command does it after its last word.

Imported before a run starts: the package may be replaced while the run lasts for hours.
"""

from collections.abc import Sequence

from bulkput.config.settings import JobSettings
from bulkput.jobs.state import delivery
from bulkput.model.image_outcome import ImageOutcome
from bulkput.model.outcome import VolumeOutcome

__all__ = ["deliver", "mark_delivered"]


def deliver(
    settings: JobSettings,
    outcomes: Sequence[VolumeOutcome],
    images: Sequence[ImageOutcome] = (),
) -> None:
    """Note that the outcomes of a job have been reported; call it when they have. Blocks.

    What cannot be written, in the state folder or the store, costs only that they are reported
    once more.
    """
    delivery.deliver(settings, outcomes, images)
    _keep(settings, outcomes)


def mark_delivered(settings: JobSettings, outcomes: Sequence[VolumeOutcome]) -> None:
    """Do the same for volumes of no job."""
    delivery.mark_delivered(outcomes)
    _keep(settings, outcomes)


def _keep(settings: JobSettings, outcomes: Sequence[VolumeOutcome]) -> None:
    if settings.state_store is None:
        return
    from bulkput.jobs.session.store_apart import (  # noqa: PLC0415 - loaded by the run already
        keep_delivered,
    )

    folders = [each.ledger_folder for each in outcomes if each.ledger_folder]
    request = settings.request
    keep_delivered(settings, folders, None if request is None else request.identity)
