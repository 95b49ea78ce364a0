"""Which pictures a run gets, made of its figures. Decides what is shown; draws nothing itself."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.size import format_size
from bulkput.observe.report.facts import LIMITERS
from bulkput.observe.report.palette import (
    BLUE,
    FAINT,
    GREY,
    OF_FATES,
    OF_PHASES,
    ORANGE,
    PINK,
    RED,
    SERIES,
)
from bulkput.observe.report.picture import Line, Marks, Strips, TimeLines
from bulkput.observe.report.series import PERCENTILES, Point, Series
from bulkput.observe.report.story import RunStory, VolumeStory

ROWS_MAX = 40
"""Volumes in the picture of phases; of more the table has all."""
STACKED_MAX = 7
"""Volumes with a colour of their own; the rest is one."""
_COLUMNS = 64
_LABEL_MAX = 22
_SHARE_MIN = 0.12
"""Of a cell: what is there at all can be seen."""
_THROTTLED = ("throttled_snapshot", "throttled_account")


def rate(key: str, series: Series, end_s: float, *, begun_s: float = 0.0) -> TimeLines:
    """Return calls a second against what was allowed, with throttles and other retries marked.

    Args:
        key: Of the picture.
        series: The figures.
        end_s: The length of the picture.
        begun_s: Where the picture begins in the time of the figures.
    """
    points = [(each.at_s - begun_s, each) for each in series.points]
    reached = [(at_s, each.per_s) for at_s, each in points]
    lines = [Line("reached", reached, BLUE, is_filled=True)]
    allowed = [(at_s, each.allowed_per_s) for at_s, each in points if each.allowed_per_s]
    if allowed:
        lines.append(Line(_allowed_words(series.points), allowed, FAINT, is_dashed=True))
    most = max((value for _, value in reached + allowed), default=1.0) or 1.0
    throttles = [at_s for at_s, each in points if any(map(each.failures.get, _THROTTLED))]
    others = [at_s for at_s, each in points if set(each.failures) - set(_THROTTLED)]
    marks = [
        Marks(label, [(at_s, height * most) for at_s in found], colour, shape)
        for label, found, colour, shape, height in (
            ("throttled", throttles, RED, "v", 0.03),
            ("other failure", others, ORANGE, "x", 0.09),
        )
        if found
    ]
    words = f"Up to {max((value for _, value in reached), default=0.0):,.0f} a second were reached"
    words += f"; {allowed[-1][1]:,.0f} were allowed at the end." if allowed else "."
    words += f" {len(throttles)} intervals had throttles, {len(others)} other failures."
    return TimeLines(key, "Calls a second", words, lines, end_s, marks, unit="calls/s")


def _allowed_words(points: Sequence[Point]) -> str:
    """Return who allowed what was allowed: whoever did so for most of the time."""
    spent_s: dict[str, float] = {}
    for each in points:
        if each.allowed_by is not None:
            spent_s[each.allowed_by] = spent_s.get(each.allowed_by, 0.0) + each.span_s
    if not spent_s:
        return "allowed"
    name = max(spent_s, key=lambda each: spent_s[each])
    return f"allowed, mostly by {LIMITERS.get(name, name)}"


def stacked(key: str, run: RunStory, end_s: float) -> TimeLines:
    """Return the calls a second of several volumes upon each other."""
    by_size = sorted(run.volumes.values(), key=lambda each: -_calls(each.series.points))
    named, rest = by_size[:STACKED_MAX], by_size[STACKED_MAX:]
    times = [each.at_s for each in run.whole.points]
    lines = [Line(each.name, _on(times, each.series.points)) for each in named]
    if rest:
        several = [_on(times, each.series.points) for each in rest]
        sums = [(at_s, sum(each[n][1] for each in several)) for n, at_s in enumerate(times)]
        lines.append(Line(f"{len(rest)} others", sums, GREY))
    words = f"Calls a second of {len(by_size)} volumes, one upon the other."
    return TimeLines(
        key, "Calls a second by volume", words, lines, end_s, unit="calls/s", is_stacked=True
    )


def latency(key: str, series: Series, end_s: float) -> TimeLines:
    """Return the percentiles of latency."""
    found = [(each.at_s, each.latency_ms) for each in series.points if each.latency_ms is not None]
    lines = [
        Line(name, [(at_s, values[number]) for at_s, values in found], colour)
        for number, (name, colour) in enumerate(zip(PERCENTILES, (BLUE, ORANGE, PINK), strict=True))
    ]
    worst = max((values[-1] for _, values in found), default=0.0)
    words = f"The 99th percentile of an interval was at most {worst:,.0f} ms."
    return TimeLines(key, "Latency of calls", words, lines, end_s, unit="ms")


def in_flight(key: str, series: Series, end_s: float) -> TimeLines:
    """Return how many calls were under way."""
    points = [(each.at_s, float(each.in_flight)) for each in series.points]
    most = max((each.in_flight for each in series.points), default=0)
    line = Line("in flight", points, BLUE, is_filled=True)
    words = f"At most {most:,} calls were under way at once."
    return TimeLines(key, "Calls in flight", words, [line], end_s, unit="calls")


def failures(key: str, series: Series, end_s: float) -> TimeLines | None:
    """Return failed attempts a second by their cause; None without any."""
    causes = sorted({name for each in series.points for name in each.failures})
    if not causes:
        return None
    lines = []
    for number, cause in enumerate(causes):
        per_s = [
            (each.at_s, each.failures.get(cause, 0) / each.span_s if each.span_s else 0.0)
            for each in series.points
        ]
        lines.append(Line(cause.replace("_", " "), per_s, SERIES[(number + 1) % len(SERIES)]))
    counts = {cause: sum(each.failures.get(cause, 0) for each in series.points) for cause in causes}
    words = "Failed attempts: " + ", ".join(
        f"{count:,} {cause.replace('_', ' ')}" for cause, count in counts.items()
    )
    title = "Throttles and other failed attempts by cause"
    return TimeLines(
        key, title, f"{words}.", lines, end_s, unit="attempts/s", is_stacked=len(lines) > 1
    )


def phases(key: str, run: RunStory) -> Strips:
    """Return the phases of each volume over time."""
    shown = list(run.volumes.values())[:ROWS_MAX]
    rows = [
        (
            _cut(each.name),
            [
                (start_s, stop_s - start_s, OF_PHASES.get(phase, GREY))
                for phase, start_s, stop_s in each.phase_spans(run.last_s)
            ],
        )
        for each in shown
    ]
    columns = max((len(label) for label, _ in rows), default=1)
    words = f"Phases of {len(rows)} volumes over {run.last_s:,.0f} s."
    return Strips(key, "Phases", words, rows, run.last_s, is_time=True, label_columns=columns)


def disk(key: str, volume: VolumeStory, disk_map: Mapping[str, Any]) -> Strips:
    """Return a map of the disk, its start at the upper left."""
    per_cell, block_count = disk_map["blocks_per_cell"], disk_map["block_count"]
    cells, count = disk_map["cells"], -(-block_count // per_cell)
    rows: list[tuple[str, Sequence[tuple[float, float, str]]]] = []
    dots: list[tuple[float, int]] = []
    for first in range(0, count, _COLUMNS):
        stretches: list[tuple[float, float, str]] = []
        for cell in range(first, min(first + _COLUMNS, count)):
            for start, length, colour in _parts(cells, cell):
                _append(stretches, cell - first + start, length, colour)
            if _count(cells, "repeated", cell):
                dots.append((cell - first + 0.5, len(rows)))
        place = format_size(first * per_cell * BLOCK_SIZE_BYTES) if first else "0"
        rows.append((place, stretches))
    words = (
        f"{format_size(block_count * BLOCK_SIZE_BYTES)} in {count} regions of "
        f"{format_size(per_cell * BLOCK_SIZE_BYTES)}."
    )
    columns = float(min(count, _COLUMNS))
    return Strips(
        key,
        f"Map of the disk {volume.name}",
        words,
        rows,
        columns,
        label_columns=9,
        dots=dots,
        row_in=0.15,
        label_pt=7,
    )


def _parts(cells: Mapping[str, Sequence[int]], cell: int) -> Iterator[tuple[float, float, str]]:
    """Yield what a cell is filled with, as shares of it."""
    found = {fate: _count(cells, fate, cell) for fate in OF_FATES if fate != "verified"}
    if not any(found.values()):
        found = {"verified": _count(cells, "verified", cell)}
    present = {fate: count for fate, count in found.items() if count}
    total = sum(present.values())
    shares = {fate: max(_SHARE_MIN, count / total) for fate, count in present.items()}
    scale = 1 / sum(shares.values()) if shares else 1.0
    start = 0.0
    for fate, share in shares.items():
        yield start, share * scale, OF_FATES[fate]
        start += share * scale


def _append(
    stretches: list[tuple[float, float, str]], start: float, length: float, colour: str
) -> None:
    """Add a stretch, joined with the one before where that ends there in the same colour."""
    if stretches:
        before, before_length, before_colour = stretches[-1]
        if before_colour == colour and abs(before + before_length - start) < 1e-6:
            stretches[-1] = (before, before_length + length, colour)
            return
    stretches.append((start, length, colour))


def _count(cells: Mapping[str, Sequence[int]], fate: str, cell: int) -> int:
    counts = cells.get(fate, ())
    return counts[cell] if cell < len(counts) else 0


def _calls(points: Sequence[Point]) -> float:
    return sum(each.per_s * each.span_s for each in points)


def _on(times: Sequence[float], points: Sequence[Point]) -> list[tuple[float, float]]:
    """Return the rate at each of ``times``: that of the interval that it lies in."""
    ends = [each.at_s for each in points]
    found = []
    for at_s in times:
        number = bisect_left(ends, at_s - 1e-3)
        inside = number < len(points) and at_s > points[number].at_s - points[number].span_s - 1e-3
        found.append((at_s, points[number].per_s if inside else 0.0))
    return found


def _cut(name: str) -> str:
    return name if len(name) <= _LABEL_MAX else f"{name[: _LABEL_MAX - 1]}…"


def together(key: str, runs: Sequence[RunStory]) -> TimeLines:
    """Return the calls a second of several runs, each where it was in time."""
    begun_unix_s = min(run.begun_unix_s for run in runs)
    end_s = max(run.begun_unix_s + run.last_s for run in runs) - begun_unix_s
    lines = []
    for number, run in enumerate(runs[:STACKED_MAX], 1):
        shift_s = run.begun_unix_s - begun_unix_s
        points = [(each.at_s + shift_s, each.per_s) for each in run.whole.points]
        lines.append(Line(f"{number}: {_cut(run.host or run.verb)}", [(shift_s, 0.0), *points]))
    words = f"Calls a second of {len(lines)} runs."
    return TimeLines(key, "Calls a second by run", words, lines, end_s, unit="calls/s")
