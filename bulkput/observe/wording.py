"""The words for events and figures, the same on a terminal and in a log.

Owns the sentences, a line each, free of control characters. Knows nothing of colours or widths.
"""

import logging
from enum import Enum, auto
from typing import NamedTuple

from bulkput.model.duration import format_duration
from bulkput.model.events import GetRetried, Noted, PhaseChanged, PutRetried, VolumeEnded
from bulkput.model.outcome import VolumeOutcome
from bulkput.model.progress import Phase, Progress
from bulkput.model.size import format_size
from bulkput.observe.board import Figures
from bulkput.observe.job_figures import JobFigures
from bulkput.observe.plain import one_line
from bulkput.observe.run_events import Logged, RunEvent, Stopping
from bulkput.observe.verbosity import Verbosity

LOG_LEVELS = {
    Verbosity.QUIET: logging.ERROR,
    Verbosity.NORMAL: logging.WARNING,
    Verbosity.VERBOSE: logging.INFO,
}
"""From which level on a log record is for whoever wants to read so much."""


class Tone(Enum):
    """How much a line wants to be noticed."""

    PLAIN = auto()
    WARNING = auto()
    ERROR = auto()


class Line(NamedTuple):
    """One line for people, free of control characters."""

    text: str
    tone: Tone = Tone.PLAIN


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return ``1 retry``, ``2 retries``, ``1,024 puts``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def event_line(event: RunEvent, verbosity: Verbosity, *, announce_ends: bool) -> Line | None:
    """Return what is shown of ``event``, or None if nothing is.

    Args:
        event: what happened.
        verbosity: retries are shown only to who asked for them, and errors alone to ``QUIET``.
        announce_ends: whether a volume's end is shown as it happens; a job of one volume ends with
            that sentence anyway.
    """
    if isinstance(event, VolumeEnded):
        is_wanted = event.outcome.exit_code or verbosity is not Verbosity.QUIET
        return ended_line(event.outcome) if announce_ends and is_wanted else None
    if isinstance(event, Logged):
        tone = Tone.PLAIN if event.level < logging.WARNING else Tone.WARNING
        return Line(event.text, tone) if event.level >= LOG_LEVELS[verbosity] else None
    if verbosity is Verbosity.QUIET:
        return None
    if isinstance(event, Stopping):
        return Line(event.text, Tone.WARNING)
    if isinstance(event, PutRetried | GetRetried):
        return _retry_line(event) if verbosity is Verbosity.VERBOSE else None
    return _news_line(event)


def _news_line(event: RunEvent) -> Line | None:
    if isinstance(event, PhaseChanged):
        detail = f": {event.detail}" if event.detail else ""
        return Line(one_line(f"{event.volume}: {event.phase}{detail}"))
    if isinstance(event, Noted):
        name = f"{event.volume}: " if event.volume else ""
        mark, tone = ("warning: ", Tone.WARNING) if event.warning else ("", Tone.PLAIN)
        return Line(one_line(f"{name}{mark}{event.text}"), tone)
    return None


def _retry_line(event: PutRetried | GetRetried) -> Line:
    done = "put" if isinstance(event, PutRetried) else "got"
    return Line(
        one_line(
            f"{event.volume}: block {event.block_index} is {done} again in {event.delay_s:.2f}s "
            f"({event.failure}): {event.error}"
        )
    )


def unfinished_line(progress: Progress) -> Line:
    """Return how far a volume came that a signal ended; it has a snapshot."""
    name = f"{progress.volume}: {progress.snapshot_id}"
    if progress.phase is Phase.VERIFYING:
        return Line(one_line(f"{name} is completed, but was not read back to the end"))
    if progress.phase is Phase.COMPARING:
        return Line(one_line(f"{name} is of an earlier run, and was not compared to the end"))
    if progress.phase is Phase.PUBLISHING:
        return Line(one_line(f"{name} is completed, but not all that it is for is made"))
    if progress.phase is Phase.WAITING:
        return Line(one_line(f"{name} is uploaded and sealed, but not completed yet"))
    done, total = progress.blocks_considered, progress.blocks_total
    return Line(one_line(f"{name} stays pending, with {done:,} of {total:,} blocks done"))


class RankedText(NamedTuple):
    """A figure, and how little it is missed: the highest rank goes first where room is short."""

    text: str
    rank: int


def figure_texts(figures: Figures) -> list[RankedText]:
    """Return what is known of a volume beside its name, phase and percentage."""
    host = figures.progress.host
    of_host = [] if host is None else [RankedText(one_line(f"on {host}"), 3)]
    if not figures.measured:
        return [*of_host, RankedText(f"for {format_duration(figures.phase_s)}", 0)]
    words = [RankedText(f"{figures.mib_per_s:,.1f} MiB/s", 1)]
    if figures.phase is not Phase.READING:  # which asks nobody
        puts = RankedText(f"{figures.puts_per_s:,.0f} puts/s", 2)
        words = ([] if figures.reading_back else [puts]) + words
        words += [
            RankedText(f"{figures.in_flight:,} in flight", 5),
            RankedText(counted(figures.retried, "retry", "retries"), 4 if figures.retried else 6),
            RankedText(counted(figures.throttled, "throttle"), 3 if figures.throttled else 7),
        ]
    if figures.left_s is not None:
        words.append(RankedText(f"{format_duration(figures.left_s)} left", 0))
    return of_host + words


def ended_line(outcome: VolumeOutcome) -> Line:
    """Return what became of a volume, which may stand among others."""
    if outcome.exit_code:
        return Line(one_line(f"{outcome.volume}: failed: {outcome.error}"), Tone.ERROR)
    put = counted(outcome.blocks.get("put", 0), "block")
    took = format_duration(outcome.elapsed_s)
    return Line(
        one_line(f"{outcome.volume}: {outcome.status}: {outcome.snapshot_id}, {put} put in {took}")
    )


def job_texts(job: JobFigures) -> list[RankedText]:
    """Return what is known of a job as a whole."""
    words = [RankedText(f"{job.completed} of {job.volume_count} done", 1)]
    if job.failed:
        words.append(RankedText(f"{job.failed} failed", 2))
    if job.waiting:
        words.append(RankedText(f"{job.waiting} waiting", 4))
    size = format_size(job.bytes_done)
    words += [
        RankedText(f"{job.blocks_done:,} of {counted(job.blocks_total, 'block')} ({size})", 7),
        RankedText(f"{job.puts_per_s:,.0f} puts/s", 6),
        RankedText(f"{job.mib_per_s:,.1f} MiB/s", 3),
        RankedText(f"{format_duration(job.elapsed_s)} elapsed", 5),
    ]
    if job.left_s is not None:
        words.append(RankedText(f"{format_duration(job.left_s)} left", 0))
    return words


def job_line(job: JobFigures) -> Line:
    """Return a job's figures as a line."""
    return Line(f"job: {', '.join(word.text for word in job_texts(job))}")


def figures_line(figures: Figures) -> Line:
    """Return one volume's figures as a line."""
    percent = f" {figures.fraction:.1%}," if figures.measured else ""
    words = ", ".join(word.text for word in figure_texts(figures))
    return Line(one_line(f"{figures.volume}: {figures.phase}{percent} {words}"))
