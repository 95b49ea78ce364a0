"""How many puts a second really come back, and how long they take: what a controller measures."""

WINDOW_S = 0.25
"""Over which outcomes are counted: 25 puts at 100/s, and known a quarter of a second after the
start, before the first throttles of an unknown quota come in."""

STEP_MAX_S = 0.1
STEP_MAX_PUTS = 2
"""Longest time between outcomes that counts, as such or in puts of the rate in force: silence
proves nothing."""

LATENCY_GAIN = 0.02
"""Weight of one put in the mean latency: about the last 50."""


class SentRate:
    """Counts outcomes, accepted or not; what is answered was sent."""

    def __init__(self) -> None:
        """Begin with nothing measured."""
        self.puts_per_s: float | None = None
        """In the last whole window; None before the first is over."""
        self.latency_s = 0.0
        """Mean of accepted puts."""
        self._last_s: float | None = None
        self._window_start_s: float | None = None
        self._window_outcomes = 0

    def count(self, now_s: float, rate_puts_per_s: float) -> float:
        """Count an outcome and return the time since the last one, as far as it counts."""
        most_s = max(STEP_MAX_S, STEP_MAX_PUTS / rate_puts_per_s)
        step_s = 0.0 if self._last_s is None else min(most_s, max(0.0, now_s - self._last_s))
        self._last_s = now_s
        if self._window_start_s is None:
            self._window_start_s = now_s
        elapsed_s = now_s - self._window_start_s
        if elapsed_s >= WINDOW_S:
            self.puts_per_s = self._window_outcomes / elapsed_s
            self._window_start_s = now_s
            self._window_outcomes = 0
        self._window_outcomes += 1
        return step_s

    def took(self, latency_s: float) -> None:
        """Learn how long an accepted put took."""
        self.latency_s += LATENCY_GAIN * (latency_s - self.latency_s)
