"""Figures over time in bounded memory: a run of days has as many points as one of minutes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

POINTS_MAX = 400
"""A picture is some 400 pixels wide."""
_STEP_S = 1.0

PERCENTILES = ("p50", "p90", "p99")


@dataclass
class Point:
    """What happened between two looks."""

    at_s: float
    """The end of the interval, since the run began."""
    span_s: float
    per_s: float
    """Puts and gets that succeeded."""
    allowed_per_s: float | None
    allowed_by: str | None
    limited_by: str | None
    latency_ms: tuple[float, ...] | None
    """By ``PERCENTILES``; None without calls."""
    in_flight: int
    failures: dict[str, int]
    """Failed attempts by class."""

    def joined(self, later: "Point") -> "Point":
        """Return both as one: rates by their time, of latencies the longest."""
        span_s = self.span_s + later.span_s
        latencies = [each.latency_ms for each in (self, later) if each.latency_ms is not None]
        return Point(
            at_s=later.at_s,
            span_s=span_s,
            per_s=(self.per_s * self.span_s + later.per_s * later.span_s) / span_s
            if span_s
            else later.per_s,
            allowed_per_s=later.allowed_per_s,
            allowed_by=later.allowed_by,
            limited_by=later.limited_by,
            latency_ms=tuple(map(max, *latencies))
            if len(latencies) == 2
            else None
            if not latencies
            else latencies[0],
            in_flight=max(self.in_flight, later.in_flight),
            failures={
                name: self.failures.get(name, 0) + later.failures.get(name, 0)
                for name in self.failures | later.failures
            },
        )


@dataclass
class Series:
    """Points in the order of time; where there are too many, each two become one."""

    points: list[Point] = field(default_factory=list)
    limited_s: dict[str, float] = field(default_factory=dict)
    """How long the calls were held back by what; does not get coarser."""
    _step_s: float = _STEP_S
    _failures: dict[str, int] = field(default_factory=dict)
    """So far, as the last record had it."""
    _since_s: float | None = None

    def begin(self, at_s: float) -> None:
        """Let the first interval begin at ``at_s``."""
        self._since_s = at_s

    def add(self, record: Mapping[str, Any], at_s: float) -> None:
        """Take a ``progress`` or ``job_progress`` at ``at_s``, which began where the last ended."""
        since_s = at_s if self._since_s is None else self._since_s
        span_s = max(0.0, at_s - since_s)
        self._since_s = at_s
        puts, gets = record["puts"], record["gets"]
        latency = puts["latency_ms"] or gets["latency_ms"]
        failures = dict(record["failures"])
        limited_by = record.get("limited_by")
        if limited_by is not None:
            self.limited_s[limited_by] = self.limited_s.get(limited_by, 0.0) + span_s
        grown = {name: count - self._failures.get(name, 0) for name, count in failures.items()}
        self._failures = failures
        self._append(
            Point(
                at_s=at_s,
                span_s=span_s,
                per_s=puts["per_s"] + gets["per_s"],
                allowed_per_s=record.get("allowed_per_s"),
                allowed_by=record.get("allowed_by"),
                limited_by=limited_by,
                latency_ms=None if latency is None else tuple(map(latency.get, PERCENTILES)),
                in_flight=record["in_flight"],
                failures={name: count for name, count in grown.items() if count > 0},
            )
        )

    def _append(self, point: Point) -> None:
        points = self.points
        if points and int(points[-1].at_s / self._step_s) == int(point.at_s / self._step_s):
            points[-1] = points[-1].joined(point)
            return
        points.append(point)
        if len(points) > POINTS_MAX:
            self._step_s *= 2
            self.points = []
            for each in points:
                self._append(each)
