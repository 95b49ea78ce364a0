"""The volumes of a simulated fleet, as the service and the store know them."""

from dataclasses import dataclass
from typing import Any

SHOWN_WITHIN_S = 60.0
TIMEOUT_S = 3600.0
"""Of a pending snapshot that nobody puts to: what a volume that failed leaves behind."""


@dataclass
class Disk:
    """One volume, its snapshot, and who has its lock in the store."""

    puts_left: float
    is_poison: bool = False
    started_s: float | None = None
    is_sealed: bool = False
    writer: Any = None
    written_s: float = float("-inf")

    @property
    def is_begun(self):
        """Whether it has a snapshot that is not sealed."""
        return self.started_s is not None and not self.is_sealed


class Disks(dict):
    """Disks by the names of their volumes, which are those of the snapshots too."""

    def pending(self, now_s):
        """Return the snapshots that count against the account's quota."""
        return {
            name
            for name, disk in self.items()
            if disk.is_begun and now_s < disk.written_s + TIMEOUT_S
        }

    def shown(self, now_s):
        """Return those of them that EC2 is sure to list."""
        return [
            name for name in self.pending(now_s) if now_s >= self[name].started_s + SHOWN_WITHIN_S
        ]
