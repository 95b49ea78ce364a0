"""A verb at work: its event loop, and all observers of its events.

Owns which sinks there are, what goes to stderr after a signal, and that no sink can stop the work.
"""

import os
import platform
import sys
import threading
import time
from collections.abc import Callable, Collection, Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple, TypeVar

from bulkput import __version__
from bulkput.cli.failure import explain
from bulkput.cli.logs import logging_to
from bulkput.cli.options import Invocation
from bulkput.cli.resumption import report_resumption
from bulkput.cli.sinks import open_files, run_file
from bulkput.cli.streams import write_message
from bulkput.cli.ticker import Ticker
from bulkput.config.flat import flat_settings
from bulkput.config.settings import JobSettings
from bulkput.model.errors import BulkputError
from bulkput.model.events import Observer, VolumeEnded
from bulkput.model.exit_code import ExitCode
from bulkput.model.interruption import InterruptedBySignal
from bulkput.model.outcome import STOPPED, VolumeOutcome
from bulkput.model.progress import Progress
from bulkput.model.versions import machine, versions
from bulkput.observe.board import Board
from bulkput.observe.open import open_reporter
from bulkput.observe.run_events import (
    OutcomeKnown,
    ResultKnown,
    RunConfigured,
    RunEnded,
    RunEvent,
    RunFailed,
    RunStarted,
    Sink,
    Stopping,
)
from bulkput.observe.verbosity import Verbosity
from bulkput.observe.wording import unfinished_line
from bulkput.planning.cost import GET_PRICE_USD_PER_THOUSAND

T = TypeVar("T")

_SIGNALLED = 128
"""What a shell adds to a signal's number for an exit code."""
_LEAVE_LIMIT_S = 0.5
"""After a second signal the user does not want to wait; a write to a terminal takes no time."""


class Ending(NamedTuple):
    """How a verb that came to its end will leave the process."""

    exit_code: int
    outcome: OutcomeKnown | ResultKnown | None = None
    """Of a verb without volumes, which have outcomes of their own."""


def run_shown(
    main: Callable[[Observer], Coroutine[Any, Any, T]],
    settings: JobSettings,
    invocation: Invocation,
    ending_of: Callable[[T], Ending],
    *,
    volume_count: int = 1,
    deleted: Collection[str] | None = None,
    announce_ends: bool = True,
) -> T:
    """Run ``main`` in an event loop of its own, with a display and what else is configured.

    Args:
        main: The work.
        settings: Of which ``observe`` counts.
        invocation: How much people want to read.
        ending_of: What the result of ``main`` means.
        volume_count: How many there are.
        deleted: Volumes whose snapshots do not stay behind after a signal; None of a verb that
            puts nothing.
        announce_ends: Whether each of several volumes has a line when it ends.

    Raises:
        InterruptedBySignal: a signal ended it; with the snapshot, if there is one alone.
        ConfigError: what is configured to be written cannot be.
        BulkputError: as ``main``.
    """
    from bulkput.api.event_loop import run_in_loop  # noqa: PLC0415 - 0.5 s of imports

    everybody, verbosity = _open_sinks(
        settings, invocation, volume_count if announce_ends else 1, puts=deleted is not None
    )
    left: list[Progress] = []
    try:
        with (
            logging_to(everybody.on_event, verbosity, os.environ),
            _running(everybody, volume_count, settings) as ended,
        ):
            try:
                result = run_in_loop(
                    lambda: main(everybody),
                    on_stop=lambda _: everybody.stop(settings.tuning.shutdown_grace_s),
                    on_leave=lambda number: _leave(everybody.unfinished_but(deleted or ()), number),
                )
            except BulkputError as error:
                if deleted is not None:
                    left = everybody.note_ended(error, deleted)
                raise
            ended(ending_of(result))
            return result
    except InterruptedBySignal:
        if invocation.verbosity is not Verbosity.QUIET:
            _report_unfinished(left)  # when no display is drawn any more
        raise


def _open_sinks(
    settings: JobSettings, invocation: Invocation, volume_count: int, *, puts: bool
) -> tuple["_Everybody", Verbosity]:
    """Open files and display; returns also how much of the log they want.

    Where events go to stderr, nothing else does: ``invocation`` becomes quiet.
    """
    observe, verbosity = settings.observe, invocation.verbosity
    files = open_files(observe, invocation)
    sinks: list[Sink] = [*files]
    if observe.events_to_stderr:
        invocation.quiet, invocation.verbose = True, False
    else:
        reporter = open_reporter(
            sys.stderr,
            verbosity,
            volume_count=volume_count,
            environment=os.environ,
            interval_s=observe.progress_interval_s,
        )
        sinks.append(reporter)
    if puts:
        sinks.append(run_file(settings, invocation))
    return _Everybody(sinks, is_recorded=bool(files)), Verbosity.VERBOSE if files else verbosity


class _Everybody:
    """All sinks as one Observer, with a board that is up to date at once."""

    def __init__(self, sinks: list[Sink], *, is_recorded: bool) -> None:
        self.sinks = sinks
        self.is_recorded = is_recorded
        """Whether a file keeps what happens; a display shows neither settings nor versions."""
        self._board = Board()
        self._ended: list[VolumeOutcome] = []

    def on_event(self, event: RunEvent) -> None:
        """Fold ``event`` in and pass it on."""
        self._board.apply(event, time.monotonic())
        if isinstance(event, VolumeEnded):
            self._ended.append(event.outcome)
        for sink in self.sinks:
            sink.on_event(event)

    def stop(self, grace_s: float) -> None:
        """Report that a signal came, and how long the end may take."""
        self.on_event(Stopping(self._board.total.in_flight, grace_s))

    def note_ended(self, error: BulkputError, deleted: Collection[str]) -> list[Progress]:
        """Let ``error``, which broke the run off, carry what is known of the volumes.

        Returns:
            The volumes that leave a snapshot behind.
        """
        error.ended = (*self._ended, *map(_stopped, self._board.unfinished))
        left = self.unfinished_but(deleted)
        if isinstance(error, InterruptedBySignal) and self._board.volume_count == 1 and left:
            error.snapshot_id = left[0].snapshot_id
        return left

    def unfinished_but(self, deleted: Collection[str]) -> list[Progress]:
        """Return the volumes that leave a snapshot behind."""
        return [each for each in self._board.unfinished if each.volume not in deleted]


@contextmanager
def _running(
    everybody: _Everybody, volume_count: int, settings: JobSettings
) -> Iterator[Callable[[Ending], None]]:
    """Let the sinks write what happens until the block ends, begin and end of the run included.

    Gives what is to be called with a good end; what the block raises is reported, and raised again.
    """
    started_s = time.monotonic()

    def end(ending: Ending) -> None:
        if ending.outcome is not None:
            everybody.on_event(ending.outcome)
        everybody.on_event(RunEnded(ending.exit_code, time.monotonic() - started_s))

    with ExitStack() as stack:
        for sink in everybody.sinks:
            stack.enter_context(Ticker(sink))
        host = platform.node() or "unknown"
        job = None if settings.request is None else settings.request.identity
        job_name, job_id = (None, None) if job is None else (job.name, job.job_id)
        everybody.on_event(
            RunStarted(volume_count, __version__, os.getpid(), host, job_name, job_id)
        )
        if everybody.is_recorded:
            everybody.on_event(_configured(settings))
        try:
            yield end
        except BaseException as error:
            failure = explain(error, os.environ)
            everybody.on_event(
                RunFailed(failure.sentence, failure.status, failure.snapshot_id, failure.details)
            )
            end(Ending(failure.status))
            raise


def _configured(settings: JobSettings) -> RunConfigured:
    prices = {
        "usd_per_thousand_puts": settings.usd_per_thousand_puts,
        "usd_per_thousand_gets": GET_PRICE_USD_PER_THOUSAND,
    }
    return RunConfigured(flat_settings(settings), versions(), machine(), prices)


def _report_unfinished(left: Sequence[Progress]) -> None:
    """Report which snapshots stay behind pending."""
    for progress in left:
        write_message(unfinished_line(progress).text)


def _leave(left: Sequence[Progress], number: int) -> None:
    """Report what stays behind, unless that takes too long: a terminal may be held (Ctrl-S)."""

    def words() -> None:
        _report_unfinished(left)
        report_resumption(_SIGNALLED + number)

    writing = threading.Thread(target=words, daemon=True)
    writing.start()
    writing.join(_LEAVE_LIMIT_S)


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
