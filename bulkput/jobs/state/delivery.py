"""Marks results as delivered, so that the next run begins anew.

A run may die after EC2 reported the snapshot as completed and before the result was written out.
The next run then reports that snapshot, instead of putting everything into another one: a result
is reported at least once.
"""

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from bulkput.config.settings import JobSettings
from bulkput.jobs.state.job_round import end_run
from bulkput.ledger.folder import default_state_dir
from bulkput.ledger.header import LedgerPhase
from bulkput.ledger.header_file import read_header, write_header
from bulkput.ledger.lock import FolderLock
from bulkput.model.errors import BulkputError
from bulkput.model.image_outcome import ImageOutcome
from bulkput.model.outcome import VolumeOutcome

_PHASES = {"pending": LedgerPhase.SEALING, "completed": LedgerPhase.COMPLETED}
"""The phase in the ledger of a volume whose outcome has this status."""


def deliver(
    settings: JobSettings,
    outcomes: Sequence[VolumeOutcome],
    images: Sequence[ImageOutcome] = (),
) -> None:
    """Record that the outcomes of a job were delivered; to be called once they were. Blocks.

    If an image failed, or was left to a run of other volumes too, the job's round goes on: the next
    run of all of it makes it of the same snapshots. A state folder that cannot be written costs
    only that they are reported once more.
    """
    request = settings.request
    if request is None:
        mark_delivered(outcomes)
        return
    state_dir = settings.state_dir or default_state_dir(os.environ)
    found = {image.name: "" for image in settings.images} | {
        image.name: image.status for image in images
    }
    with suppress(BulkputError):
        end_run(state_dir, request.identity, outcomes, now_unix_s=time.time(), images=found)


def mark_delivered(outcomes: Sequence[VolumeOutcome]) -> None:
    """Record that the outcomes of a job without a file were delivered; to be called once they were.

    If one of them failed, the same command is run again for all, whatever it failed of: it reports
    of the others once more, and uploads none of them twice.
    """
    if any(outcome.exit_code for outcome in outcomes):
        return
    for outcome in outcomes:
        if outcome.ledger_folder is not None and not outcome.exit_code:
            # A ledger that cannot be had, or belongs to another run already, costs only that the
            # result is reported twice.
            with suppress(BulkputError):
                _note(outcome.ledger_folder, outcome)


def _note(folder: Path, outcome: VolumeOutcome) -> None:
    what_was_reported = (outcome.snapshot_id, _PHASES[outcome.status])
    with FolderLock(folder):
        header = read_header(folder)
        if (header.snapshot_id, header.phase) == what_was_reported:
            write_header(folder, replace(header, delivered=True))
