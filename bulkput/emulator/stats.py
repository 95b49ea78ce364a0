"""What was asked of the emulator and what it answered, in counts.

Owns numbers for tests and benchmarks; nothing else looks at them.
"""

from collections import Counter, deque
from typing import Any


class Stats:
    """Counts since the start or the last ``reset``."""

    def __init__(self) -> None:
        self.answers: Counter[tuple[str, int, str]] = Counter()
        """Answers by operation, HTTP status and error code ('' for none)."""
        self.blocks_stored = 0
        self.put_peak_per_s = 0
        """Most stored puts within any one second."""
        self._recent_puts_s: deque[float] = deque()

    def answered(self, operation: str, http_status: int, code: str = "") -> None:
        """Count an answer."""
        self.answers[operation, http_status, code] += 1

    def stored(self, now_s: float) -> None:
        """Count a stored block."""
        self.blocks_stored += 1
        recent = self._recent_puts_s
        recent.append(now_s)
        while now_s - recent[0] >= 1.0:
            recent.popleft()
        self.put_peak_per_s = max(self.put_peak_per_s, len(recent))

    def count(self, operation: str, http_status: int | None = None, code: str | None = None) -> int:
        """Return how many answers match; None matches all."""
        return sum(
            number
            for (name, status, error), number in self.answers.items()
            if name == operation and http_status in (None, status) and code in (None, error)
        )

    def reset(self) -> None:
        """Start again from zero."""
        self.answers.clear()
        self._recent_puts_s.clear()
        self.blocks_stored = self.put_peak_per_s = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the counts as JSON has them."""
        return {
            "answers": [
                {"operation": operation, "status": status, "code": code, "count": number}
                for (operation, status, code), number in sorted(self.answers.items())
            ],
            "blocks_stored": self.blocks_stored,
            "put_peak_per_s": self.put_peak_per_s,
        }
