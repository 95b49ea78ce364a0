"""What pictures are made of: data, drawn elsewhere. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from bulkput.observe.report.palette import SERIES


@dataclass(frozen=True)
class Picture:
    """What every picture has: a name of its own on the page, and words for whoever cannot see."""

    key: str
    title: str
    description: str


@dataclass(frozen=True)
class Line:
    """One figure over time."""

    label: str
    points: Sequence[tuple[float, float]]
    colour: str | None = None
    is_dashed: bool = False
    is_filled: bool = False


@dataclass(frozen=True)
class Marks:
    """Moments, each with a height."""

    label: str
    points: Sequence[tuple[float, float]]
    colour: str
    shape: str = "v"


@dataclass(frozen=True)
class TimeLines(Picture):
    """Lines over seconds, zero at the bottom."""

    lines: Sequence[Line]
    end_s: float
    marks: Sequence[Marks] = ()
    unit: str = ""
    is_stacked: bool = False
    is_alone: bool = False
    """On no page, which would have the title and the legend."""

    @property
    def legend(self) -> list[tuple[str, str]]:
        """Labels with their colours."""
        lines = [(each.label, colour_of(each, n)) for n, each in enumerate(self.lines)]
        return lines + [(each.label, each.colour) for each in self.marks]


def colour_of(line: Line, number: int) -> str:
    """Return the colour of a line, or what the one at its place has."""
    return line.colour or SERIES[number % len(SERIES)]


@dataclass(frozen=True)
class Bars(Picture):
    """Horizontal bars with whiskers: label, value, least, most, colour."""

    bars: Sequence[tuple[str, float, float, float, str]]
    unit: str = ""


@dataclass(frozen=True)
class Strips(Picture):
    """Rows of coloured stretches: of time, or of a disk."""

    rows: Sequence[tuple[str, Sequence[tuple[float, float, str]]]]
    """Label; start, length and colour of each stretch."""
    end: float
    is_time: bool = False
    label_columns: int = 12
    dots: Sequence[tuple[float, int]] = ()
    """Places and rows that are marked."""
    row_in: float = 0.22
    label_pt: float = 9
