"""What happened to a volume between two looks at its counters. Pure; time is handed in."""

from dataclasses import dataclass

from bulkput.model.latencies import Latencies
from bulkput.model.progress import CallCounts, Progress


@dataclass(frozen=True)
class CallFigures:
    """Calls of one kind that succeeded within an interval."""

    per_s: float
    latencies: Latencies


class _CallMeter:
    def __init__(self, counts: CallCounts) -> None:
        self._last = counts.latencies.copy()

    def take(self, counts: CallCounts, step_s: float) -> CallFigures:
        now = counts.latencies.copy()
        latencies = now.since(self._last)
        self._last = now
        return CallFigures(latencies.count / step_s if step_s > 0 else 0.0, latencies)


class IntervalMeter:
    """Rates and latencies of one volume from look to look."""

    def __init__(self, progress: Progress, now_s: float) -> None:
        """Begin the first interval."""
        self._since_s = now_s
        self._puts = _CallMeter(progress.puts)
        self._gets = _CallMeter(progress.gets)

    def take(self, progress: Progress, now_s: float) -> tuple[CallFigures, CallFigures]:
        """Return puts and gets since the last look, and begin the next interval."""
        step_s = now_s - self._since_s
        self._since_s = now_s
        return self._puts.take(progress.puts, step_s), self._gets.take(progress.gets, step_s)
