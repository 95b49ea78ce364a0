"""Pictures as SVG, drawn by matplotlib: lines over time, bars, strips.

Owns how anything is drawn; knows neither runs nor events. Text stays text, for whoever searches or
hears it. Imported only where pictures are asked for: matplotlib is an extra, and takes 0.7 s.
"""

import io
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends import backend_svg  # noqa: F401 - now, not when a run has ended
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from bulkput.observe.report.palette import FAINT, GRID, INK
from bulkput.observe.report.picture import Bars, Picture, Strips, TimeLines, colour_of
from bulkput.observe.report.svg_text import cleaned

WIDTH_IN = 4.8
"""At 72 points an inch about what a telephone shows in CSS pixels, so text is drawn as large as it
is on the page."""
HEIGHT_IN = 2.7
_LEFT_IN, _RIGHT_IN, _TOP_IN, _BOTTOM_IN = 0.62, 0.12, 0.6, 0.32
_UNIT_IN = 0.24
_ALONE_IN = (7.6, 3.6)

_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "svg.fonttype": "none",
    "text.parse_math": False,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "path.simplify": True,
}

_STEPS_S = (
    *(0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800),
)
_TICKS_MAX = 6


def svg(picture: TimeLines | Bars | Strips, *, is_inline: bool = True) -> str:
    """Return a picture as SVG: a part of a page, or a document of its own."""
    draw: Callable[[Any], Figure] = _DRAWN[type(picture)]
    with mpl.rc_context({**_STYLE, "svg.hashsalt": picture.key}), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of glyphs: the browser has them, matplotlib need not
        figure = draw(picture)
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata=_NO_METADATA)
    return cleaned(text.getvalue(), picture, is_inline=is_inline)


_NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))


def _axes(figure: Figure, *, left_in: float = _LEFT_IN, top_in: float = _TOP_IN) -> Axes:
    width_in, height_in = figure.get_size_inches()
    box = (
        left_in / width_in,
        _BOTTOM_IN / height_in,
        (width_in - left_in - _RIGHT_IN) / width_in,
        (height_in - _BOTTOM_IN - top_in) / height_in,
    )
    axes = figure.add_axes(box)
    axes.tick_params(length=0)
    axes.tick_params(axis="x", pad=6)
    return axes


def _lines(chart: TimeLines) -> Figure:
    figure = Figure(figsize=_ALONE_IN if chart.is_alone else (WIDTH_IN, HEIGHT_IN))
    axes = _axes(figure, top_in=_TOP_IN if chart.is_alone else _UNIT_IN)
    handles: list[Any] = []
    base: list[float] | None = None
    for number, line in enumerate(chart.lines):
        colour = colour_of(line, number)
        times = [at_s for at_s, _ in line.points]
        values = [value for _, value in line.points]
        if chart.is_stacked:
            below = base or [0.0] * len(values)
            base = [low + value for low, value in zip(below, values, strict=True)]
            handles.append(
                axes.fill_between(times, below, base, color=colour, linewidth=0, step="pre")
            )
            continue
        style = "--" if line.is_dashed else "-"
        handles += axes.plot(times, values, style, color=colour, linewidth=1.4)
        if line.is_filled:
            axes.fill_between(times, values, color=colour, alpha=0.15, linewidth=0)
    for marks in chart.marks:
        times = [at_s for at_s, _ in marks.points]
        heights = [height for _, height in marks.points]
        handles += axes.plot(
            times, heights, marks.shape, color=marks.colour, markersize=5, linestyle="none"
        )
    if chart.is_alone:
        figure.text(0.01, 0.99, chart.title, va="top", fontsize=11, weight="bold")
        _legend(figure, handles, [label for label, _ in chart.legend])
    axes.set_xlim(0, max(chart.end_s, 0.1))
    axes.set_ylim(bottom=0)
    _time_ticks(axes, max(chart.end_s, 0.1))
    axes.grid(visible=False, axis="x")
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axes.set_title(
        chart.unit, loc="left", fontsize=8, color=FAINT, pad=7, x=-0.06 if chart.is_alone else -0.12
    )
    return figure


def _legend(figure: Figure, handles: Sequence[Any], labels: Sequence[str]) -> None:
    figure.legend(
        handles,
        [f" {label}" for label in labels],  # one that begins with _ would be left out
        loc="upper right",
        ncols=4,
        borderaxespad=0.1,
        handlelength=1.2,
        columnspacing=1.0,
        handletextpad=0.2,
    )


def _time_ticks(axes: Axes, end_s: float) -> None:
    step_s = next((step for step in _STEPS_S if end_s / step <= _TICKS_MAX), end_s / _TICKS_MAX)
    axes.set_xticks([number * step_s for number in range(int(end_s / step_s + 1e-9) + 1)])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at_s, _: time_label(at_s, step_s)))


def time_label(at_s: float, step_s: float) -> str:
    """Return a moment on an axis whose marks are ``step_s`` apart: ``90 s``, ``5 min``, ``2 h``."""
    for unit_s, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if step_s >= unit_s:
            return f"{at_s / unit_s:,.3g} {unit}"
    return f"{at_s:.3g} s"


def _bars(chart: Bars) -> Figure:
    height_in = 0.8 + 0.34 * len(chart.bars)
    figure = Figure(figsize=(7.6, height_in))
    axes = _axes(figure, left_in=2.3)
    places = range(len(chart.bars))
    values = [value for _, value, *_ in chart.bars]
    errors = [
        [value - least for _, value, least, _, _ in chart.bars],
        [most - value for _, value, _, most, _ in chart.bars],
    ]
    colours = [colour for *_, colour in chart.bars]
    axes.barh(places, values, 0.65, color=colours, xerr=errors, ecolor=INK, error_kw={"lw": 1.2})
    most = max((most for _, _, _, most, _ in chart.bars), default=1.0) or 1.0
    for place, (_, value, _, end, _) in zip(places, chart.bars, strict=True):
        axes.text(end + 0.015 * most, place, f"{value:,.2f}", va="center")
    axes.set_yticks(list(places), [label for label, *_ in chart.bars])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlim(0, 1.15 * most)
    figure.text(0.01, 0.99, chart.title, va="top", fontsize=11, weight="bold")
    figure.text(0.01, 1 - 0.24 / height_in, chart.unit, va="top", fontsize=8, color=FAINT)
    return figure


def _strips(chart: Strips) -> Figure:
    left_in = 0.12 + 0.0083 * chart.label_pt * chart.label_columns
    height_in = _BOTTOM_IN + 0.1 + chart.row_in * len(chart.rows)
    figure = Figure(figsize=(WIDTH_IN, height_in))
    axes = _axes(figure, left_in=left_in, top_in=0.05)
    for row, (_, stretches) in enumerate(chart.rows):
        for colour in dict.fromkeys(colour for *_, colour in stretches):
            spans = [(start, length) for start, length, each in stretches if each == colour]
            axes.broken_barh(spans, (row - 0.42, 0.84), color=colour, linewidth=0)
    if chart.dots:
        places = [place for place, _ in chart.dots]
        axes.plot(places, [row for _, row in chart.dots], "o", color=INK, markersize=1.6)
    axes.set_xlim(0, chart.end or 1.0)
    axes.set_ylim(len(chart.rows) - 0.5, -0.5)
    axes.set_yticks(
        range(len(chart.rows)), [label for label, _ in chart.rows], fontsize=chart.label_pt
    )
    axes.grid(visible=chart.is_time, axis="x")
    axes.grid(visible=False, axis="y")
    if chart.is_time:
        _time_ticks(axes, chart.end or 1.0)
    else:
        axes.set_xticks([])
        axes.spines["left"].set_visible(False)
        axes.spines["bottom"].set_visible(False)
    return figure


_DRAWN: dict[type[Picture], Callable[[Any], Figure]] = {
    TimeLines: _lines,
    Bars: _bars,
    Strips: _strips,
}
