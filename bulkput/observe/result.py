"""The result on stdout: what a script reads.

Owns the two forms. Prints nothing itself and knows no terminal.

``text`` is the snapshot's id alone; of several volumes, a line with name, tab and id for each that
did not fail, in the job's order. The images of a job follow in the same way: of one, its id is
the last line.
``json`` is one object on one line:

* ``upload``: the volume's own object.
* ``run``: ``job`` and ``job_id`` (its name, and what ``bulkput jobs`` lists it under), ``status``,
  ``elapsed_s``, ``exit_code``, ``error`` and ``volumes``, the list of the volumes' objects. A job
  of one volume has all keys of that volume at the top as well, so that one script reads both verbs;
  ``elapsed_s`` is then the volume's. ``images`` is the list of the images' objects, and of a job
  of one image ``image_id`` is its id at the top.
* A failure that left no volume to report: ``status`` (``failed``), ``snapshot_id``, ``error`` and
  ``exit_code``.
"""

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from bulkput.model.exit_code import ExitCode
from bulkput.model.image_outcome import ImageOutcome
from bulkput.model.outcome import NOT_STARTED, STOPPED, VolumeOutcome

FAILED = "failed"
_LEFT = frozenset({STOPPED, NOT_STARTED})
_NAMES_MAX = 20
"""One line of a terminal or two; the result has all."""


class OutputForm(StrEnum):
    """The forms that ``--output`` takes."""

    TEXT = "text"
    JSON = "json"


def exit_code(outcomes: Sequence[VolumeOutcome], images: Sequence[ImageOutcome] = ()) -> int:
    """Return the process's exit code: the volume's own where there is one volume only.

    Where all volumes went well, that of the first image that did not.
    """
    of_images = next((int(image.exit_code) for image in images if image.exit_code), 0)
    return _of_volumes(outcomes) or of_images


def _of_volumes(outcomes: Sequence[VolumeOutcome]) -> int:
    if len(outcomes) == 1:
        return int(outcomes[0].exit_code)
    failed = [outcome for outcome in outcomes if outcome.exit_code]
    if failed and all(outcome.status in _LEFT for outcome in failed):
        return int(ExitCode.TEMPORARY)  # nothing is wrong with them: the time was up
    return int(ExitCode.SOME_VOLUMES_FAILED if failed else ExitCode.DONE)


def error_sentence(
    outcomes: Sequence[VolumeOutcome], images: Sequence[ImageOutcome] = ()
) -> str | None:
    """Return one sentence about what failed, or None if nothing did."""
    failed = [outcome for outcome in outcomes if outcome.exit_code]
    if not failed:
        without = next((image for image in images if image.exit_code), None)
        if without is None:
            return None
        name, error = f"image {without.name}", without.error or "failed"
        return error if error.startswith(name) else f"{name}: {error}"
    if len(outcomes) == 1:
        return failed[0].error or "the volume failed"
    names = ", ".join(outcome.volume for outcome in failed[:_NAMES_MAX])
    more = f" and {len(failed) - _NAMES_MAX} more" if len(failed) > _NAMES_MAX else ""
    left = all(outcome.status in _LEFT for outcome in failed)
    verb = "are not finished" if left else "failed"
    return f"{len(failed)} of {len(outcomes)} volumes {verb}: {names}{more}"


def snapshot_ids(outcomes: Sequence[VolumeOutcome]) -> str:
    """Return the ``text`` form, empty if every volume failed."""
    return "".join(
        f"{outcome.snapshot_id}\n"
        if len(outcomes) == 1
        else f"{outcome.volume}\t{outcome.snapshot_id}\n"
        for outcome in outcomes
        if outcome.snapshot_id and not outcome.exit_code
    )


def image_ids(images: Sequence[ImageOutcome]) -> str:
    """Return the ``text`` form of images: the id alone of one, name, tab and id of several."""
    return "".join(
        f"{image.image_id}\n" if len(images) == 1 else f"{image.name}\t{image.image_id}\n"
        for image in images
        if image.image_id and not image.exit_code
    )


def job_object(
    outcomes: Sequence[VolumeOutcome],
    *,
    images: Sequence[ImageOutcome] = (),
    elapsed_s: float,
    job: str | None = None,
    job_id: str | None = None,
) -> dict[str, Any]:
    """Return ``run``'s object; the module's docstring describes it."""
    volumes = [outcome.as_dict() for outcome in outcomes]
    whole = {
        "job": job,
        "job_id": job_id,
        "status": _job_status(outcomes, images),
        "elapsed_s": round(elapsed_s, 3),
        "error": error_sentence(outcomes, images),
        "exit_code": exit_code(outcomes, images),
    }
    alone = dict(volumes[0]) if len(volumes) == 1 else {}
    if any(image.exit_code for image in images):  # of the job, not of its one volume
        alone = {key: each for key, each in alone.items() if key not in whole}
    made = [image.as_dict() for image in images]
    of_one = {"image_id": images[0].image_id} if len(images) == 1 else {}
    return {**whole, **alone, **of_one, "volumes": volumes, "images": made}


def failure_object(error: str, *, exit_code: int, snapshot_id: str | None = None) -> dict[str, Any]:
    """Return the object for a failure that left no volume to report."""
    return {
        "status": FAILED,
        "snapshot_id": snapshot_id,
        "error": error,
        "exit_code": exit_code,
    }


def as_json(value: dict[str, Any]) -> str:
    """Return ``value`` on one line of ASCII, which any locale can print."""
    return json.dumps(value) + "\n"


def _job_status(outcomes: Sequence[VolumeOutcome], images: Sequence[ImageOutcome]) -> str:
    """Return the worst status: one failed volume fails the job, one pending leaves it pending."""
    statuses = {outcome.status for outcome in outcomes}
    statuses |= {image.status for image in images if image.exit_code}
    for status in (FAILED, STOPPED, NOT_STARTED, "pending"):
        if status in statuses:
            return status
    return "completed"
