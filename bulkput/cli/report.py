"""What ``run`` and ``upload`` share: a job with its display, its summary and its result.

Owns the order in which people and scripts are told. Knows nothing of flags.
"""

import dataclasses
import os
import sys
import time
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Any, TypeVar

from bulkput.cli.confirm import confirm_sources
from bulkput.cli.logs import log_to, stop_logging
from bulkput.cli.options import Invocation
from bulkput.cli.result_file import ResultFile
from bulkput.cli.resumption import tell_resumption
from bulkput.cli.streams import tell, write_result
from bulkput.cli.ticker import Ticker
from bulkput.config.settings import Settings
from bulkput.model.errors import BulkputError, InterruptedBySignal
from bulkput.model.events import Event, Observer, VolumeEnded
from bulkput.model.exit_code import ExitCode
from bulkput.model.outcome import STOPPED, VolumeOutcome
from bulkput.model.progress import Progress
from bulkput.observe.board import Board
from bulkput.observe.open import open_reporter
from bulkput.observe.plain import masked, plain
from bulkput.observe.result import OutputForm, as_json, error_sentence, exit_code, snapshot_ids
from bulkput.observe.summary import summary
from bulkput.observe.verbosity import Verbosity
from bulkput.observe.wording import unfinished_line

T = TypeVar("T")

NO_FILE = ResultFile(None)

ObjectOf = Callable[[Sequence[VolumeOutcome], float], dict[str, Any]]
"""Builds the JSON object of a verb from the outcomes and the seconds that the job took."""


def run_and_tell(
    settings: Settings, invocation: Invocation, object_of: ObjectOf, result: ResultFile = NO_FILE
) -> int:
    """Run the job of ``settings``, tell people and scripts what became of it.

    Returns:
        The exit code.

    Raises:
        BulkputError: something that concerns the whole job; nothing was written to stdout.
    """
    confirm_sources(settings)
    # The end of a run imports nothing: the package may be replaced while a run lasts for hours.
    from bulkput.jobs.state.delivery import deliver  # noqa: PLC0415 - not for --help

    started_s = time.monotonic()
    try:
        outcomes = [_without_secrets(each) for each in _run(settings, invocation.verbosity)]
    except BulkputError as error:
        result.outcomes = [_without_secrets(each) for each in error.ended]
        raise
    status = tell_outcomes(outcomes, time.monotonic() - started_s, invocation, object_of, result)
    deliver(settings, outcomes)
    return status


def tell_outcomes(
    ended: Sequence[VolumeOutcome],
    elapsed_s: float,
    invocation: Invocation,
    object_of: ObjectOf,
    result: ResultFile = NO_FILE,
) -> int:
    """Tell people and scripts what became of the volumes; returns the exit code.

    Raises:
        BrokenPipeError: nobody reads stdout any more.
        ResultNotWrittenError: stdout or the file cannot be written.
    """
    outcomes = [_without_secrets(each) for each in ended]
    if invocation.verbosity is not Verbosity.QUIET:
        nothing = "nothing to do: no volume is left to upload"
        tell(summary(outcomes).removesuffix("\n") or nothing)
    error = error_sentence(outcomes)
    if error is not None:
        tell(f"bulkput: error: {plain(error)}")
    # Of several volumes too, whose own code is another; once for all of them.
    unfinished = sorted(
        (each for each in outcomes if each.exit_code and each.status == "failed"),
        key=lambda each: each.exit_code != ExitCode.TEMPORARY,
    )
    for outcome in unfinished:
        if tell_resumption(outcome.exit_code, outcome.snapshot_id):
            break
    in_json = invocation.output is OutputForm.JSON
    status = exit_code(outcomes)
    content = object_of(outcomes, elapsed_s)
    result.write(content)
    try:
        write_result(as_json(content) if in_json else snapshot_ids(outcomes))
    except BrokenPipeError:
        if not status:
            raise
    return status


def _without_secrets(outcome: VolumeOutcome) -> VolumeOutcome:
    """Return ``outcome`` with the texts of others masked, whoever prints them."""
    return dataclasses.replace(
        outcome,
        error=None if outcome.error is None else masked(outcome.error, os.environ),
        notes=tuple(masked(note, os.environ) for note in outcome.notes),
    )


def _run(settings: Settings, verbosity: Verbosity) -> tuple[VolumeOutcome, ...]:
    # numpy's BLAS would start a thread a core that nothing here uses: 40 ms of CPU.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Heavy (aiohttp, aiobotocore, numpy): after the flags are known to be right.
    from bulkput.api.job import run_undelivered  # noqa: PLC0415 - see above

    return run_with_puts(
        lambda observer: run_undelivered(settings, on_event=observer.on_event),
        verbosity,
        volume_count=len(settings.volumes),
        deleted={each.label for each in settings.volumes if each.on_failure == "delete"},
    )


def run_with_puts(
    main: Callable[[Observer], Coroutine[Any, Any, T]],
    verbosity: Verbosity,
    *,
    volume_count: int = 1,
    deleted: Collection[str],
) -> T:
    """Do as ``run_shown``; after a signal, tell which snapshots stay behind pending.

    Args:
        main: Puts volumes into snapshots.
        verbosity: How much is told.
        volume_count: How many there are.
        deleted: Volumes whose snapshots do not stay behind.

    Raises:
        InterruptedBySignal: with the snapshot, if there is one volume alone.
        BulkputError: as ``main``.
    """
    board = Board()
    ended: list[VolumeOutcome] = []
    try:
        return run_shown(
            lambda observer: main(_Folding(board, observer, ended)),
            verbosity,
            volume_count=volume_count,
        )
    except InterruptedBySignal as interruption:
        interruption.ended = (*ended, *map(_stopped, board.unfinished))
        left = [progress for progress in board.unfinished if progress.volume not in deleted]
        if verbosity is not Verbosity.QUIET:
            for progress in left:
                tell(unfinished_line(progress).text)
        if volume_count == 1 and left:
            interruption.snapshot_id = left[0].snapshot_id
        raise
    except BulkputError as error:
        error.ended = (*ended, *map(_stopped, board.unfinished))
        raise


def _stopped(progress: Progress) -> VolumeOutcome:
    """Return the outcome of a volume that was still under way when the run broke off."""
    return VolumeOutcome(
        volume=progress.volume,
        source="",
        status=STOPPED,
        snapshot_id=progress.snapshot_id,
        blocks=progress.block_counts,
        puts=progress.put_counts,
        error="the run ended before the volume did. The same command resumes it",
        exit_code=int(ExitCode.TEMPORARY),
    )


@dataclasses.dataclass(frozen=True)
class _Folding:
    """An observer that keeps the board up to date at once, which a display does on its ticks."""

    board: Board
    observer: Observer
    ended: list[VolumeOutcome]

    def on_event(self, event: Event) -> None:
        """Fold ``event`` in and pass it on."""
        self.board.apply(event, time.monotonic())
        if isinstance(event, VolumeEnded):
            self.ended.append(event.outcome)
        self.observer.on_event(event)


def run_shown(
    main: Callable[[Observer], Coroutine[Any, Any, T]],
    verbosity: Verbosity,
    *,
    volume_count: int = 1,
) -> T:
    """Run ``main`` in an event loop of its own, with a display of what it tells.

    Raises:
        InterruptedBySignal: a signal ended it.
        BulkputError: as ``main``.
    """
    from bulkput.jobs.process.event_loop import run_in_loop  # noqa: PLC0415 - as in _run

    reporter = open_reporter(
        sys.stderr,
        verbosity,
        volume_count=volume_count,
        environment=os.environ,
    )
    handler = log_to(reporter.say, verbosity, os.environ)
    try:
        with Ticker(reporter):
            return run_in_loop(lambda: main(reporter))
    finally:
        stop_logging(handler)
