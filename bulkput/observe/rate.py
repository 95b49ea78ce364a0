"""A rate over a sliding window: pure arithmetic over samples, time handed in."""

from collections import deque


class RateMeter:
    """How fast a growing count grew over the last ``window_s`` seconds.

    Holds at most ``samples_max`` samples: at more samples a second than that allows, the window is
    shorter, never the memory larger.
    """

    def __init__(self, window_s: float, samples_max: int = 256) -> None:
        self._window_s = window_s
        self._samples: deque[tuple[float, int]] = deque(maxlen=samples_max)

    def sample(self, now_s: float, count: int) -> None:
        """Take note of ``count`` at ``now_s``; a count that fell starts anew."""
        if self._samples and (count < self._samples[-1][1] or now_s < self._samples[-1][0]):
            self._samples.clear()
        self._samples.append((now_s, count))
        # One sample at or beyond the window's edge stays, so that the window is spanned whole.
        while len(self._samples) > 2 and self._samples[1][0] <= now_s - self._window_s:
            self._samples.popleft()

    def rate_per_s(self) -> float:
        """Return the rate between the oldest and the newest sample; 0 with fewer than two."""
        if len(self._samples) < 2:
            return 0.0
        (first_s, first), (last_s, last) = self._samples[0], self._samples[-1]
        return (last - first) / (last_s - first_s) if last_s > first_s else 0.0
