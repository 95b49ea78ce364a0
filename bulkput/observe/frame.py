"""The rows of the live display for a terminal of any size. Pure: knows no terminal and no event.

What does not fit goes by usefulness: figures from a row, the bar, the second row of each volume,
volumes; never the time left.
"""

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

from bulkput.observe.board import Figures
from bulkput.observe.job_figures import JobFigures
from bulkput.observe.plain import one_line
from bulkput.observe.wording import RankedText, figure_texts, job_texts

_NAME_COLUMNS_MAX = 24
_NAME_COLUMNS_MIN = 8
_BAR_COLUMNS_MIN = 5
_PERCENT_COLUMNS = 6
_GAP = "  "


class Row(NamedTuple):
    """One row: pieces of text, each with the name of a style of rich."""

    pieces: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        """The row without its styles."""
        return "".join(text for text, _ in self.pieces)


def frame(
    figures: Sequence[Figures],
    job: JobFigures | None,
    *,
    columns: int,
    rows_max: int,
    bar_char: str = "━",
) -> list[Row]:
    """Return the rows, at most ``rows_max``, none wider than ``columns``.

    Args:
        figures: Of the volumes that run.
        job: Of a job of several volumes; it has the first row.
        columns: Of the terminal.
        rows_max: Rows that may be drawn on.
        bar_char: What a bar is made of.
    """
    rows = [Row(((fitted(job_texts(job), columns), "bold"),))] if job is not None else []
    left = max(1, rows_max - len(rows))
    if 2 * len(figures) <= left:
        name_columns = _name_columns(figures, columns)
        for each in figures:
            rows.append(_heading(each, name_columns, columns, bar_char))
            words = fitted(figure_texts(each), columns - len(_GAP))
            rows.append(Row(((_GAP + words, "dim"),)))
        return rows
    shown = figures if len(figures) <= left else figures[: left - 1]
    name_columns = _name_columns(shown, columns)
    rows += [_compact(each, name_columns, columns) for each in shown]
    if len(shown) < len(figures):
        more = f"and {len(figures) - len(shown):,} more are running"
        rows.append(Row(((_cut(more, columns), "dim"),)))
    return rows


def fitted(words: Sequence[RankedText], columns: int) -> str:
    """Return as many words as fit, in their order; the least useful go first."""
    kept = list(words)
    while len(kept) > 1 and cell_len(_GAP.join(word.text for word in kept)) > columns:
        kept.remove(max(kept, key=lambda word: word.rank))
    return _cut(_GAP.join(word.text for word in kept), columns)


def _name_columns(figures: Sequence[Figures], columns: int) -> int:
    longest = max((cell_len(one_line(each.volume)) for each in figures), default=0)
    return min(longest, _NAME_COLUMNS_MAX, max(_NAME_COLUMNS_MIN, columns // 3))


def _heading(figures: Figures, name_columns: int, columns: int, bar_char: str) -> Row:
    """Return name, phase, bar and percentage."""
    name = _padded(one_line(figures.volume), name_columns)
    phase = f" {figures.phase}"
    percent = f" {figures.fraction:.1%}".rjust(1 + _PERCENT_COLUMNS) if figures.measured else ""
    bar_columns = columns - cell_len(name) - len(phase) - len(percent) - 1
    if bar_columns < _BAR_COLUMNS_MIN:
        return Row(((_cut(name + phase + percent, columns), "bold"),))
    full = round(figures.fraction * bar_columns)
    bar = bar_char * full + " " * (bar_columns - full)
    return Row(((name, "bold"), (phase, ""), (" " + bar, "cyan"), (percent, "")))


def _compact(figures: Figures, name_columns: int, columns: int) -> Row:
    """Return a volume in one row."""
    name = _padded(one_line(figures.volume), name_columns)
    head = f"{name} {figures.phase}"
    if figures.measured:
        head += f" {figures.fraction:.1%}"
    words = fitted(figure_texts(figures), max(0, columns - cell_len(head) - len(_GAP)))
    return Row(((_cut(head + _GAP + words, columns).rstrip(), ""),))


def _padded(text: str, columns: int) -> str:
    return set_cell_size(_cut(text, columns), columns)


def _cut(text: str, columns: int) -> str:
    if cell_len(text) <= columns:
        return text
    return set_cell_size(text, columns - 1) + "…" if columns > 0 else ""
