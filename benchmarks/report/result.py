"""The result of one case, as data. Knows nothing of how it is measured or shown."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Reach:
    """What a figure has to reach."""

    at_least: float | None = None
    at_most: float | None = None

    def is_met(self, value: float) -> bool:
        """Whether ``value`` lies within."""
        return (self.at_least is None or value >= self.at_least) and (
            self.at_most is None or value <= self.at_most
        )


@dataclass(frozen=True)
class Figure:
    """One number with its unit, and what it has to reach, if anything."""

    what: str
    value: float | None
    """None: it never happened, so that what was to be reached is missed."""
    unit: str
    reach: Reach = field(default_factory=Reach)

    @property
    def is_met(self) -> bool | None:
        """Whether the figure is reached; None where nothing was to be reached."""
        if self.reach == Reach():
            return None
        return self.value is not None and self.reach.is_met(self.value)


@dataclass(frozen=True)
class Bar:
    """One line of a comparison: median and extremes of several rounds."""

    label: str
    median: float
    least: float
    most: float


@dataclass(frozen=True)
class BarChart:
    """A comparison to be drawn."""

    title: str
    unit: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class LineChart:
    """Rates over time to be drawn, with the steps of what was allowed."""

    title: str
    unit: str
    lines: dict[str, list[tuple[float, float]]]
    """By name, (second, value)."""


@dataclass(frozen=True)
class CaseResult:
    """All that one case found out."""

    name: str
    summary: str
    caveats: tuple[str, ...]
    figures: tuple[Figure, ...]
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str | float, ...], ...] = ()
    """A table of the case's own, under ``columns``."""
    rounds: int = 1
    """How often each measurement was repeated."""
    runs: tuple[dict[str, Any], ...] = ()
    """Every single measurement, for whoever wants to compute something else."""
    bar_chart: BarChart | None = None
    line_chart: LineChart | None = None
    skipped: dict[str, str] = field(default_factory=dict)
    """Who did not take part, and why."""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object; every figure says whether it is met."""
        whole = asdict(self)
        for figure, written in zip(self.figures, whole["figures"], strict=True):
            written["is_met"] = figure.is_met
        return whole
