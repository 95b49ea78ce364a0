"""Charts as SVG, drawn with a few lines of text: nothing to install, sharp at every size."""

from collections.abc import Sequence
from html import escape
from itertools import pairwise

from benchmarks.report.result import BarChart, LineChart

_WIDTH = 760
_LABEL_WIDTH = 230
_VALUE_WIDTH = 110
_BAR_HEIGHT = 22
_ROW_HEIGHT = 34
_TOP = 56
_INK, _FAINT, _GRID = "#1f2933", "#6b7785", "#dde3ea"
_HIGHLIGHT, _OTHER = "#d9480f", "#7b94ad"
_TICKS = 5


def _document(height: int, title: str, unit: str, body: Sequence[str]) -> str:
    return "\n".join(
        [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
                f'width="{_WIDTH}" height="{height}" font-family="Helvetica, Arial, sans-serif">'
            ),
            f'<rect width="{_WIDTH}" height="{height}" rx="8" fill="#ffffff"/>',
            (
                f'<text x="20" y="28" font-size="16" font-weight="bold" fill="{_INK}">'
                f"{escape(title)}</text>"
            ),
            f'<text x="20" y="46" font-size="12" fill="{_FAINT}">{escape(unit)}</text>',
            *body,
            "</svg>\n",
        ]
    )


def _nice_step(most: float) -> float:
    """Return the smallest of 1, 2, 5 x 10^n that cuts ``most`` into at most five parts."""
    step = 10.0**-3
    while True:
        for factor in (1, 2, 5):
            if step * factor * _TICKS >= most:
                return step * factor
        step *= 10


def bars_svg(chart: BarChart) -> str:
    """Return horizontal bars, medians with whiskers from least to most; bulkput stands out."""
    left, right = 20 + _LABEL_WIDTH, _WIDTH - 20 - _VALUE_WIDTH
    most = max((bar.most for bar in chart.bars), default=1.0) or 1.0
    per_unit = (right - left) / most
    height = _TOP + _ROW_HEIGHT * len(chart.bars) + 34
    bottom = _TOP + _ROW_HEIGHT * len(chart.bars)
    body = []
    step = _nice_step(most)
    for number in range(int(most / step) + 1):
        x = left + number * step * per_unit
        body += [
            f'<line x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{bottom}" stroke="{_GRID}"/>',
            (
                f'<text x="{x:.1f}" y="{bottom + 16}" font-size="11" fill="{_FAINT}" '
                f'text-anchor="middle">{number * step:g}</text>'
            ),
        ]
    for row, bar in enumerate(chart.bars):
        y = _TOP + row * _ROW_HEIGHT + (_ROW_HEIGHT - _BAR_HEIGHT) / 2
        middle = y + _BAR_HEIGHT / 2
        is_ours = bar.label.startswith("bulkput")
        least_x, most_x = left + bar.least * per_unit, left + bar.most * per_unit
        body += [
            (
                f'<text x="{left - 10}" y="{middle + 4:.1f}" font-size="13" fill="{_INK}" '
                f'text-anchor="end" font-weight="{"bold" if is_ours else "normal"}">'
                f"{escape(bar.label)}</text>"
            ),
            (
                f'<rect x="{left}" y="{y:.1f}" width="{bar.median * per_unit:.1f}" '
                f'height="{_BAR_HEIGHT}" rx="3" fill="{_HIGHLIGHT if is_ours else _OTHER}"/>'
            ),
            (
                f'<line x1="{least_x:.1f}" y1="{middle:.1f}" x2="{most_x:.1f}" y2="{middle:.1f}" '
                f'stroke="{_INK}" stroke-width="1.5"/>'
            ),
            (
                f'<text x="{most_x + 8:.1f}" y="{middle + 4:.1f}" font-size="13" fill="{_INK}">'
                f"{bar.median:.2f}</text>"
            ),
        ]
    return _document(height, chart.title, chart.unit, body)


def lines_svg(chart: LineChart) -> str:
    """Return rates over time, zero at the bottom: what was measured over what was allowed."""
    left, right, bottom = 70, _WIDTH - 30, 300
    points = [point for line in chart.lines.values() for point in line]
    last_s = max((second for second, _ in points), default=1.0) or 1.0
    most = 1.1 * max((value for _, value in points), default=1.0) or 1.0

    def place(second: float, value: float) -> str:
        x = left + second / last_s * (right - left)
        return f"{x:.1f},{bottom - value / most * (bottom - _TOP):.1f}"

    body = []
    for step, is_time in ((_nice_step(most), False), (_nice_step(last_s), True)):
        for number in range(int((last_s if is_time else most) / step) + 1):
            x, y = place(number * step if is_time else 0, 0 if is_time else number * step).split(
                ","
            )
            mark = f'font-size="11" fill="{_FAINT}"'
            if is_time:
                body.append(
                    f'<text x="{x}" y="{bottom + 18}" {mark} text-anchor="middle">'
                    f"{number * step:g} s</text>"
                )
            else:
                body += [
                    f'<line x1="{left}" y1="{y}" x2="{right}" y2="{y}" stroke="{_GRID}"/>',
                    (
                        f'<text x="{left - 8}" y="{float(y) + 4:.1f}" {mark} text-anchor="end">'
                        f"{number * step:g}</text>"
                    ),
                ]
    # The first line is drawn last, on top of the dashed ones.
    for number, (name, line) in reversed(list(enumerate(chart.lines.items()))):
        colour, dashes = (_OTHER, 'stroke-dasharray="6 4" ') if number else (_HIGHLIGHT, "")
        path = " ".join(place(second, value) for second, value in line)
        body += [
            f'<polyline points="{path}" fill="none" stroke="{colour}" {dashes}stroke-width="2"/>',
            (
                f'<text x="{left + 180 * number}" y="{bottom + 42}" font-size="12" fill="{colour}">'
                f"{escape(name)}</text>"
            ),
        ]
    return _document(bottom + 60, chart.title, chart.unit, body)


def staircase(steps: Sequence[tuple[float, float]], end_s: float) -> list[tuple[float, float]]:
    """Return the corners of a line that holds each (from second, value) until the next."""
    corners = [(steps[0][0], steps[0][1])]
    for (_, before), (at_s, after) in pairwise(steps):
        corners += [(at_s, before), (at_s, after)]
    return [*corners, (end_s, steps[-1][1])]
