"""Pictures as SVG: lines over time, bars, strips.

Owns how anything is laid out; knows neither runs nor events. Text stays text, for whoever searches
or hears it. Imported only where pictures are asked for: matplotlib is an extra, and takes 0.2 s.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from matplotlib.ticker import MaxNLocator

from bulkput.observe.report.palette import FAINT, GRID, INK
from bulkput.observe.report.picture import Bars, Line, Picture, Strips, TimeLines, colour_of
from bulkput.observe.report.sheet import Area, Points, Sheet, sheet_style
from bulkput.observe.report.svg_text import cleaned

_WIDTH_PT, _HEIGHT_PT = 345.6, 194.4
"""About what a telephone shows in CSS pixels, so text is drawn as large as it is on the page."""
_ALONE_PT = (547.2, 259.2)
_LEFT_PT, _RIGHT_PT, _BOTTOM_PT = 44.6, 8.6, 23.0
_TOP_PT, _TOP_ALONE_PT = 17.3, 43.2
_ROOM = 1.05
"""Above the highest value."""
_FONT_PT, _SMALL_PT, _TITLE_PT = 9.0, 8.0, 11.0
_MIDDLE = 0.36
"""Of the size of a font: from the base line to the middle of its figures."""
_HAIR_PT, _LINE_PT = 0.8, 1.4

_STEPS_S = (
    *(0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800),
)
_TICKS_MAX = 6


def svg(picture: TimeLines | Bars | Strips, *, is_inline: bool = True) -> str:
    """Return a picture as SVG: a part of a page, or a document of its own."""
    draw: Callable[[Any], Sheet] = _DRAWN[type(picture)]
    with sheet_style(picture.key):
        text = draw(picture).svg()
    return cleaned(text, picture, is_inline=is_inline)


@dataclass(frozen=True)
class _Plot:
    """The part of a sheet that has the data, and its scales: ``x`` and ``y`` begin at 0."""

    sheet: Sheet
    area: Area
    x_end: float
    y_end: float

    def at(self, x: float, y: float) -> tuple[float, float]:
        left, bottom, width, height = self.area
        return left + width * x / self.x_end, bottom + height * y / self.y_end

    def points(self, points: Points) -> list[tuple[float, float]]:
        return [self.at(x, y) for x, y in points]

    def grid(self, *, xs: Sequence[float] = (), ys: Sequence[float] = ()) -> None:
        for x in xs:
            self.sheet.line([self.at(x, 0), self.at(x, self.y_end)], GRID, _HAIR_PT)
        for y in ys:
            self.sheet.line([self.at(0, y), self.at(self.x_end, y)], GRID, _HAIR_PT)

    def frame(self) -> None:
        """Draw the left and the lower edge."""
        corner = self.at(0, 0)
        self.sheet.line([self.at(0, self.y_end), corner, self.at(self.x_end, 0)], FAINT, _HAIR_PT)

    def x_label(self, x: float, words: str) -> None:
        at_x, at_y = self.at(x, 0)
        at_x = min(at_x, self.sheet.width_pt - 0.3 * _FONT_PT * len(words))
        self.sheet.text((at_x, at_y - 6 - 0.76 * _FONT_PT), words, _FONT_PT, INK, align="center")

    def y_label(self, y: float, words: str, size_pt: float = _FONT_PT) -> None:
        at_x, at_y = self.at(0, y)
        place = (at_x - 3.5, at_y - _MIDDLE * size_pt)
        self.sheet.text(place, words, size_pt, INK, align="right")


def _plot(sheet: Sheet, left_pt: float, top_pt: float, x_end: float, y_end: float) -> _Plot:
    width_pt = sheet.width_pt - left_pt - _RIGHT_PT
    area = (left_pt, _BOTTOM_PT, width_pt, sheet.height_pt - _BOTTOM_PT - top_pt)
    return _Plot(sheet, area, x_end, y_end)


def _lines(chart: TimeLines) -> Sheet:
    sheet = Sheet(*(_ALONE_PT if chart.is_alone else (_WIDTH_PT, _HEIGHT_PT)))
    outlines, highest = _stacked(chart.lines) if chart.is_stacked else ([], _highest(chart))
    top_pt = _TOP_ALONE_PT if chart.is_alone else _TOP_PT
    plot = _plot(sheet, _LEFT_PT, top_pt, max(chart.end_s, 0.1), _ROOM * highest or 1.0)
    heights = _ticks(plot.y_end)
    plot.grid(ys=heights)
    sheet.clip_to(plot.area)
    for number, line in enumerate(chart.lines):
        colour = colour_of(line, number)
        if chart.is_stacked:
            sheet.area(plot.points(outlines[number]), colour)
            continue
        if line.is_filled and line.points:
            first_s, last_s = line.points[0][0], line.points[-1][0]
            outline = [(first_s, 0.0), *line.points, (last_s, 0.0)]
            sheet.area(plot.points(outline), colour, alpha=0.15)
        sheet.line(plot.points(line.points), colour, _LINE_PT, is_dashed=line.is_dashed)
    for marks in chart.marks:
        sheet.marks(plot.points(marks.points), marks.shape, marks.colour, 5)
    sheet.clip_to(None)
    plot.frame()
    for height in heights:
        plot.y_label(height, f"{height:,.6g}")
    _time_labels(plot)
    left_pt, bottom_pt, width_pt, height_pt = plot.area
    unit_x = left_pt - (0.06 if chart.is_alone else 0.12) * width_pt
    sheet.text((unit_x, bottom_pt + height_pt + 7), chart.unit, _SMALL_PT, FAINT)
    if chart.is_alone:
        _headline(sheet, chart.title)
        _legend(sheet, chart.legend)
    return sheet


def _highest(chart: TimeLines) -> float:
    found = [*(line.points for line in chart.lines), *(marks.points for marks in chart.marks)]
    return max((value for points in found for _, value in points), default=0.0)


def _stacked(lines: Sequence[Line]) -> tuple[list[Points], float]:
    """Return the outline of each line upon those before, in steps, and the highest place of all."""
    outlines: list[Points] = []
    base: Points = [(at_s, 0.0) for at_s, _ in lines[0].points] if lines else []
    for line in lines:
        both = zip(base, line.points, strict=True)
        upper = [(at_s, low + value) for (at_s, low), (_, value) in both]
        outlines.append([*_steps(upper), *reversed(_steps(base))])
        base = upper
    return outlines, max((height for _, height in base), default=0.0)


def _steps(points: Points) -> list[tuple[float, float]]:
    """Return points between which each value counts from the moment before on."""
    stepped = list(points[:1])
    for (before_s, _), (at_s, value) in pairwise(points):
        stepped += [(before_s, value), (at_s, value)]
    return stepped


def _ticks(end: float, count: int = 5) -> list[float]:
    return [float(each) for each in MaxNLocator(count).tick_values(0, end) if 0 <= each <= end]


def _headline(sheet: Sheet, title: str) -> None:
    at = (0.01 * sheet.width_pt, sheet.height_pt - 2 - _TITLE_PT)
    sheet.text(at, title, _TITLE_PT, INK, is_bold=True)


def _legend(sheet: Sheet, entries: Sequence[tuple[str, str]]) -> None:
    """Write what has which colour, upper right, in up to four columns."""
    columns = min(4, len(entries))
    column_pt = 24 + 0.6 * _SMALL_PT * max((len(label) for label, _ in entries), default=0)
    for number, (label, colour) in enumerate(entries):
        left_pt = sheet.width_pt - (columns - number % columns) * column_pt
        base_pt = sheet.height_pt - (2.2 + 1.5 * (number // columns)) * _SMALL_PT
        middle_pt = base_pt + _MIDDLE * _SMALL_PT
        sheet.line([(left_pt, middle_pt), (left_pt + 10, middle_pt)], colour, 2 * _LINE_PT)
        sheet.text((left_pt + 14, base_pt), label, _SMALL_PT, INK)


def _time_labels(plot: _Plot) -> list[float]:
    """Label moments below the plot; return them."""
    end_s = plot.x_end
    step_s = next((step for step in _STEPS_S if end_s / step <= _TICKS_MAX), end_s / _TICKS_MAX)
    found = [number * step_s for number in range(int(end_s / step_s + 1e-9) + 1)]
    for at_s in found:
        plot.x_label(at_s, time_label(at_s, step_s))
    return found


def time_label(at_s: float, step_s: float) -> str:
    """Return a moment on an axis whose marks are ``step_s`` apart: ``90 s``, ``5 min``, ``2 h``."""
    for unit_s, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if step_s >= unit_s:
            return f"{at_s / unit_s:,.3g} {unit}"
    return f"{at_s:.3g} s"


def _bars(chart: Bars) -> Sheet:
    sheet = Sheet(_ALONE_PT[0], 57.6 + 24.5 * len(chart.bars))
    most = max((most for _, _, _, most, _ in chart.bars), default=1.0) or 1.0
    plot = _plot(sheet, 165.6, _TOP_ALONE_PT, 1.15 * most, len(chart.bars) or 1.0)
    places = _ticks(plot.x_end, 8)
    plot.grid(xs=places)
    for number, (label, value, least, end, colour) in enumerate(chart.bars):
        middle = plot.y_end - number - 0.5
        (left, bottom), (right, top) = plot.at(0, middle - 0.325), plot.at(value, middle + 0.325)
        sheet.rectangles([(left, bottom, right - left, top - bottom)], colour)
        sheet.line([plot.at(least, middle), plot.at(end, middle)], INK, 1.2)
        at_x, at_y = plot.at(end + 0.015 * most, middle)
        sheet.text((at_x, at_y - _MIDDLE * _FONT_PT), f"{value:,.2f}", _FONT_PT, INK)
        plot.y_label(middle, label)
    plot.frame()
    for place in places:
        plot.x_label(place, f"{place:,.6g}")
    _headline(sheet, chart.title)
    unit_at = (0.01 * sheet.width_pt, sheet.height_pt - 17 - _SMALL_PT)
    sheet.text(unit_at, chart.unit, _SMALL_PT, FAINT)
    return sheet


def _strips(chart: Strips) -> Sheet:
    left_pt = 8.6 + 0.6 * chart.label_pt * chart.label_columns
    sheet = Sheet(_WIDTH_PT, _BOTTOM_PT + 7.2 + 72 * chart.row_in * len(chart.rows))
    plot = _plot(sheet, left_pt, 3.6, chart.end or 1.0, len(chart.rows) or 1.0)
    if chart.is_time:
        plot.grid(xs=_time_labels(plot))
    sheet.clip_to(plot.area)
    for row, (_, stretches) in enumerate(chart.rows):
        low = plot.y_end - row - 0.92
        for colour in dict.fromkeys(colour for *_, colour in stretches):
            spans = [(start, length) for start, length, each in stretches if each == colour]
            sheet.rectangles([_span(plot, low, *span) for span in spans], colour)
    sheet.clip_to(None)
    dots = [plot.at(place, plot.y_end - row - 0.5) for place, row in chart.dots]
    sheet.marks(dots, "o", INK, 1.6)
    if chart.is_time:
        plot.frame()
    for row, (label, _) in enumerate(chart.rows):
        plot.y_label(plot.y_end - row - 0.5, label, chart.label_pt)
    return sheet


def _span(plot: _Plot, low: float, start: float, length: float) -> Area:
    (left, bottom), (right, top) = plot.at(start, low), plot.at(start + length, low + 0.84)
    return left, bottom, right - left, top - bottom


_DRAWN: dict[type[Picture], Callable[[Any], Sheet]] = {
    TimeLines: _lines,
    Bars: _bars,
    Strips: _strips,
}
