"""Charts as SVG, drawn as those of a run's report are: the same lines, bars and colours."""

import re
from collections.abc import Sequence
from itertools import pairwise

from benchmarks.report.result import BarChart, LineChart
from bulkput.observe.report.palette import BLUE, FAINT, GREY, ORANGE
from bulkput.observe.report.picture import Bars, Line, TimeLines
from bulkput.observe.report.pictures import svg

_NOT_IN_KEYS = re.compile(r"[^a-z0-9]+")


def bars_svg(chart: BarChart) -> str:
    """Return horizontal bars, medians with whiskers from least to most; bulkput stands out."""
    bars = [(bar.label, bar.median, bar.least, bar.most, _colour(bar.label)) for bar in chart.bars]
    words = ", ".join(f"{bar.label} {bar.median:.2f}" for bar in chart.bars)
    return svg(Bars(_key(chart.title), chart.title, words, bars, chart.unit), is_inline=False)


def lines_svg(chart: LineChart) -> str:
    """Return rates over time, zero at the bottom: what was measured over what was allowed."""
    points = [point for line in chart.lines.values() for point in line]
    lines = [
        Line(name, line, FAINT if number else BLUE, is_dashed=number > 0)
        for number, (name, line) in enumerate(chart.lines.items())
    ]
    end_s = max((second for second, _ in points), default=1.0) or 1.0
    words = f"{', '.join(chart.lines)} over {end_s:.0f} s."
    picture = TimeLines(
        _key(chart.title), chart.title, words, lines, end_s, unit=chart.unit, is_alone=True
    )
    return svg(picture, is_inline=False)


def _key(title: str) -> str:
    return _NOT_IN_KEYS.sub("-", title.lower()).strip("-") or "picture"


def _colour(label: str) -> str:
    if label.startswith("bulkput"):
        return BLUE
    return ORANGE if label.startswith("floor") else GREY


def staircase(steps: Sequence[tuple[float, float]], end_s: float) -> list[tuple[float, float]]:
    """Return the corners of a line that holds each (from second, value) until the next."""
    corners = [(steps[0][0], steps[0][1])]
    for (_, before), (at_s, after) in pairwise(steps):
        corners += [(at_s, before), (at_s, after)]
    return [*corners, (end_s, steps[-1][1])]
