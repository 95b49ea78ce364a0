"""What became of a disk, region by region: counters of fixed size, whatever the disk's.

Written by the pipeline from one event loop, read by whoever draws or reports it.
"""

from array import array
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

CELLS_MAX = 1024
"""A picture of 64 by 16; of 64 TiB a cell is 64 GiB, of 1 TiB it is 1 GiB."""


class BlockFate(StrEnum):
    """What became of a block."""

    DATA = "data"
    """Put, or got: it holds something else than zeros."""
    ZEROS = "zeros"
    """Put, or got: it holds zeros."""
    RESUMED = "resumed"
    """There from an earlier run."""
    SKIPPED_ZERO = "skipped_zero"
    SKIPPED_HOLE = "skipped_hole"
    UNCHANGED = "unchanged"
    """Equal to the parent's, or left as it was."""
    REPEATED = "repeated"
    """Put more than once, beside what else became of it."""
    VERIFIED = "verified"
    """Read back and compared, beside what else became of it."""
    DIFFERENT = "different"
    """Not what it is compared with."""


@dataclass
class DiskMap:
    """How many blocks of each region met each fate."""

    block_count: int = 0
    blocks_per_cell: int = 1
    counts: dict[BlockFate, "array[int]"] = field(default_factory=dict)
    """By cell, of the fates that there are."""

    def begin(self, block_count: int) -> None:
        """Be the map of a disk of so many blocks; what is known of the same size stays."""
        if block_count != self.block_count:
            self.block_count = block_count
            self.blocks_per_cell = max(1, -(-block_count // CELLS_MAX))
            self.counts = {}

    @property
    def cell_count(self) -> int:
        """The last cell may have fewer blocks than the others."""
        return -(-self.block_count // self.blocks_per_cell)

    def add(self, fate: BlockFate, start: int, stop: int | None = None) -> None:
        """Count the blocks from ``start`` to ``stop``, one if there is none; the disk's alone."""
        stop = min(start + 1 if stop is None else stop, self.block_count)
        size = self.blocks_per_cell
        counts = self._cells(fate)
        while start < stop:
            cell = start // size
            end = min(stop, (cell + 1) * size)
            counts[cell] += end - start
            start = end

    def _cells(self, fate: BlockFate) -> "array[int]":
        """Return the counters of a fate, from now on among those that there are."""
        counts = self.counts.get(fate)
        if counts is None:
            counts = self.counts[fate] = _zeros(self.cell_count)
        return counts

    def as_dict(self) -> dict[str, Any]:
        """Return the documented JSON object."""
        return {
            "block_count": self.block_count,
            "blocks_per_cell": self.blocks_per_cell,
            "cells": {str(fate): list(counts) for fate, counts in self.counts.items()},
        }


def _zeros(count: int) -> "array[int]":
    return array("L", [0]) * count
