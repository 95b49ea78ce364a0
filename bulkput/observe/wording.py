"""The words for events and figures, the same on a terminal and in a log.

Owns the sentences, a line each, free of control characters. Knows nothing of colours or widths.
"""

import logging
from enum import Enum, auto
from typing import NamedTuple

from bulkput.model.duration import format_duration
from bulkput.model.events import GetRetried, Noted, PhaseChanged, PutRetried, VolumeEnded
from bulkput.model.progress import Phase, Progress
from bulkput.observe.board import Figures
from bulkput.observe.plain import one_line
from bulkput.observe.run_events import Logged, RunEvent
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


def event_line(event: RunEvent, verbosity: Verbosity, *, announce_failures: bool) -> Line | None:
    """Return what is said of ``event``, or None if nothing is.

    Args:
        event: what happened.
        verbosity: retries are told only to who asked for them, and errors alone to ``QUIET``.
        announce_failures: whether a volume's failure is told when it happens; a job of one volume
            ends with that sentence anyway.
    """
    if isinstance(event, VolumeEnded):
        outcome = event.outcome
        failed = announce_failures and outcome.exit_code
        sentence = f"{outcome.volume}: failed: {outcome.error}"
        return Line(one_line(sentence), Tone.ERROR) if failed else None
    if isinstance(event, Logged):
        tone = Tone.PLAIN if event.level < logging.WARNING else Tone.WARNING
        return Line(event.text, tone) if event.level >= LOG_LEVELS[verbosity] else None
    if verbosity is Verbosity.QUIET:
        return None
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
    if progress.phase is Phase.WAITING:
        return Line(one_line(f"{name} is uploaded and sealed, but not completed yet"))
    done, total = progress.blocks_considered, progress.blocks_total
    return Line(one_line(f"{name} stays pending, with {done:,} of {total:,} blocks done"))


def figure_words(figures: Figures) -> list[str]:
    """Return what is known of a volume beside its name, phase and percentage, most wanted first."""
    if not figures.measured:
        return [f"for {format_duration(figures.phase_s)}"]
    words = [] if figures.reading_back else [f"{figures.puts_per_s:,.0f} puts/s"]
    words.append(f"{figures.mib_per_s:,.1f} MiB/s")
    words.append(f"{figures.in_flight:,} in flight")
    words.append(counted(figures.retried, "retry", "retries"))
    words.append(counted(figures.throttled, "throttle"))
    if figures.left_s is not None:
        words.append(f"{format_duration(figures.left_s)} left")
    return words


def figures_line(figures: Figures) -> Line:
    """Return one volume's figures as a line."""
    percent = f" {figures.fraction:.1%}," if figures.measured else ""
    words = ", ".join(figure_words(figures))
    return Line(one_line(f"{figures.volume}: {figures.phase}{percent} {words}"))
