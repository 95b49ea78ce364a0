"""What ``run`` and ``upload`` share: a job with its display, its summary and its result.

Owns the order in which people and scripts get their results. Knows nothing of flags.
"""

import dataclasses
import os
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, TypeVar

from bulkput.cli.confirm import confirm_sources
from bulkput.cli.options import Invocation
from bulkput.cli.result_file import ResultFile
from bulkput.cli.resumption import report_resumption
from bulkput.cli.shown_run import Ending, run_shown
from bulkput.cli.streams import ResultNotWrittenError, write_message, write_result
from bulkput.config.settings import JobSettings
from bulkput.model.errors import BulkputError
from bulkput.model.events import Observer
from bulkput.model.exit_code import ExitCode
from bulkput.model.image_outcome import ImageOutcome
from bulkput.model.job_outcomes import JobOutcomes
from bulkput.model.outcome import NOT_STARTED, VolumeOutcome
from bulkput.observe.plain import masked, plain
from bulkput.observe.result import (
    OutputForm,
    as_json,
    error_sentence,
    exit_code,
    image_ids,
    snapshot_ids,
)
from bulkput.observe.summary import image_summary, summary
from bulkput.observe.verbosity import Verbosity

NO_FILE = ResultFile(None)

Outcome = TypeVar("Outcome", VolumeOutcome, ImageOutcome)

ObjectOf = Callable[[JobOutcomes, float], dict[str, Any]]
"""Builds the JSON object of a verb from the outcomes and the seconds that the job took."""

Work = Callable[[JobSettings, Observer], Coroutine[Any, Any, JobOutcomes]]
"""Uploads the volumes of a job."""


def run_and_report(
    settings: JobSettings,
    invocation: Invocation,
    object_of: ObjectOf,
    result: ResultFile = NO_FILE,
    *,
    work: Work | None = None,
) -> int:
    """Run the job of ``settings``, report to people and scripts what became of it.

    Args:
        settings: The job.
        invocation: How it is reported.
        object_of: What is written for scripts.
        result: Where that is written too.
        work: Uploads the volumes; None is this machine, whose terminal is asked about sources.

    Returns:
        The exit code.

    Raises:
        BulkputError: something that concerns the whole job; nothing was written to stdout.
    """
    if work is None:
        confirm_sources(settings)
    # The end of a run imports nothing: the package may be replaced while a run lasts for hours.
    from bulkput.api.delivery import deliver  # noqa: PLC0415 - not for --help

    started_s = time.monotonic()
    try:
        ended = _run(settings, invocation) if work is None else _shown(settings, invocation, work)
    except BulkputError as error:
        result.outcomes = [_without_secrets(each) for each in _whole(settings, error.ended)]
        raise
    status = report_outcomes(ended, time.monotonic() - started_s, invocation, object_of, result)
    deliver(settings, ended, images_of(ended))
    return status


def report_outcomes(
    ended: Sequence[VolumeOutcome],
    elapsed_s: float,
    invocation: Invocation,
    object_of: ObjectOf,
    result: ResultFile = NO_FILE,
) -> int:
    """Report to people and scripts what became of the volumes; returns the exit code.

    Raises:
        BrokenPipeError: nobody reads stdout any more.
        ResultNotWrittenError: stdout or the file cannot be written.
    """
    outcomes = [_without_secrets(each) for each in ended]
    images = [_without_secrets(each) for each in images_of(ended)]
    if invocation.verbosity is not Verbosity.QUIET:
        nothing = "nothing to do: no volume is left to upload"
        text = summary(outcomes) + image_summary(images)
        write_message(text.removesuffix("\n") or nothing)
    error = error_sentence(outcomes, images)
    if error is not None:
        write_message(f"bulkput: error: {plain(error)}")
    # Of several volumes too, whose own code is another; once for all of them.
    unfinished = sorted(
        (each for each in outcomes if each.exit_code and each.status == "failed"),
        key=lambda each: each.exit_code != ExitCode.TEMPORARY,
    )
    for outcome in unfinished:
        if report_resumption(outcome.exit_code, outcome.snapshot_id, phase=outcome.snapshot_phase):
            break
    else:
        for image in images:
            if image.exit_code and report_resumption(image.exit_code):
                break
    in_json = invocation.output is OutputForm.JSON
    status = exit_code(outcomes, images)
    content = object_of(JobOutcomes(outcomes, images), elapsed_s)
    ids = snapshot_ids(outcomes) + image_ids(images)
    _write_to_all(
        (
            partial(result.write, content),
            partial(write_result, as_json(content) if in_json else ids),
        ),
        status,
    )
    return status


def _write_to_all(writes: Sequence[Callable[[], None]], status: int) -> None:
    """Write the result to each place, also if it cannot be written to another one.

    Raises:
        BrokenPipeError: as ``report_outcomes``; of a job that failed that counts, whose ``status``
            is not 0.
        ResultNotWrittenError: the same.
    """
    unwritten: ResultNotWrittenError | None = None
    for write in writes:
        try:
            write()
        except BrokenPipeError:
            if not status and unwritten is None:  # of a file nobody else reports it
                raise
        except ResultNotWrittenError as error:
            unwritten = unwritten or error
    if unwritten is not None:
        if not status:
            raise unwritten
        write_message(f"bulkput: error: {plain(str(unwritten))}")


def images_of(outcomes: Sequence[VolumeOutcome]) -> tuple[ImageOutcome, ...]:
    """Return what became of the images, of a job that has some."""
    return outcomes.images if isinstance(outcomes, JobOutcomes) else ()


def _whole(settings: JobSettings, ended: Sequence[VolumeOutcome]) -> list[VolumeOutcome]:
    """Return what became of all volumes of a job that broke off, in its order."""
    by_name = {each.volume: each for each in ended}
    found = []
    for volume in settings.volumes:
        unstarted = VolumeOutcome(
            volume=volume.label,
            source=volume.source.shown,
            status=NOT_STARTED,
            error="not started, because the run ended before. The same command resumes the job",
            exit_code=int(ExitCode.TEMPORARY),
        )
        outcome = by_name.pop(volume.label, unstarted)
        found.append(dataclasses.replace(outcome, source=outcome.source or unstarted.source))
    return [*by_name.values(), *found]


def _without_secrets(outcome: Outcome) -> Outcome:
    """Return ``outcome`` with the texts of others masked, whoever prints them."""
    return dataclasses.replace(
        outcome,
        error=None if outcome.error is None else masked(outcome.error, os.environ),
        notes=tuple(masked(note, os.environ) for note in outcome.notes),
    )


def _run(settings: JobSettings, invocation: Invocation) -> JobOutcomes:
    # Heavy (aiohttp, numpy): after the flags are known to be right.
    from bulkput.api.undelivered import run_undelivered  # noqa: PLC0415 - see above

    return _shown(settings, invocation, lambda job, on: run_undelivered(job, on_event=on.on_event))


def _shown(settings: JobSettings, invocation: Invocation, work: Work) -> JobOutcomes:
    return run_shown(
        lambda observer: work(settings, observer),
        settings,
        invocation,
        lambda outcomes: Ending(exit_code(outcomes, images_of(outcomes))),
        volume_count=len(settings.volumes),
        deleted={each.label for each in settings.volumes if each.on_failure == "delete"},
    )
