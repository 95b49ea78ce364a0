"""How long an answer is held back.

Owns the delay and its spread; both may change while the server runs.
"""

import random
from dataclasses import dataclass


@dataclass
class Latency:
    """A delay and how much it may grow."""

    latency_ms: float
    jitter_ms: float

    def delay_s(self) -> float:
        """Return the delay of one answer."""
        if self.jitter_ms == 0:
            return self.latency_ms / 1000
        spread_ms = random.uniform(0, self.jitter_ms)  # noqa: S311 - no secret depends on it
        return (self.latency_ms + spread_ms) / 1000
