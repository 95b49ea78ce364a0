"""Which display fits the stream and the person: one function, decided once."""

from collections.abc import Mapping
from typing import TextIO

from bulkput.observe.lines import LinesReporter
from bulkput.observe.reporter import Reporter
from bulkput.observe.verbosity import Verbosity


def open_reporter(
    stream: TextIO,
    verbosity: Verbosity,
    *,
    volume_count: int,
    environment: Mapping[str, str],
    interval_s: float | None = None,
) -> Reporter:
    """Return the live display for a terminal, else lines; ``QUIET`` writes a line per failure.

    Args:
        stream: where people read, usually stderr.
        verbosity: how much they want to read.
        volume_count: a job of one volume does not announce its failure twice.
        environment: ``TERM=dumb`` means a terminal that cannot be drawn on.
        interval_s: Between lines of figures; None: often at first, and then rarely.
    """
    announce_ends = volume_count > 1
    drawable = stream.isatty() and environment.get("TERM", "") not in {"", "dumb"}
    if verbosity is Verbosity.QUIET or not drawable:
        return LinesReporter(stream, verbosity, announce_ends=announce_ends, interval_s=interval_s)
    from bulkput.observe.display import (  # noqa: PLC0415 - rich only where it is used
        DisplayReporter,
        console_on,
    )

    return DisplayReporter(console_on(stream), verbosity, announce_ends=announce_ends)
