"""What became of blocks, counted the moment it is known: each block of an upload once."""

from typing import Literal, Protocol

from bulkput.model.disk_map import BlockFate
from bulkput.model.progress import Progress

Settled = Literal[
    "blocks_put",
    "blocks_resumed",
    "blocks_skipped_zero",
    "blocks_skipped_hole",
    "blocks_unchanged",
]
"""Each is a field of ``Progress``."""


class Tally(Protocol):
    """Counts the blocks that are settled.

    A block is placed before it is added: with the last one of a portion all of it is reported.
    """

    def add(self, settled: Settled, index: int, block_count: int = 1) -> None:
        """Count blocks at or behind ``index``, all of the span that it is in."""
        ...

    def place(self, fate: BlockFate, start: int, stop: int | None = None) -> None:
        """Note on the map of the disk where blocks are that met a fate; one without ``stop``."""
        ...


class ProgressTally:
    """Counts in a volume's progress, wherever the blocks are."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def add(self, settled: Settled, index: int, block_count: int = 1) -> None:  # noqa: ARG002 - as the Protocol's
        progress = self._progress
        setattr(progress, settled, getattr(progress, settled) + block_count)

    def place(self, fate: BlockFate, start: int, stop: int | None = None) -> None:
        self._progress.disk.add(fate, start, stop)
