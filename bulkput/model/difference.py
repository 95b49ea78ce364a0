"""What a comparison finds: ranges of blocks, each with how they differ and from what. Pure."""

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from bulkput.model.block import place_text


class DifferenceKind(StrEnum):
    """How blocks of a snapshot are not what they should be."""

    DIFFERS = "differs"
    """Both have them, with other bytes."""
    MISSING = "missing"
    """The snapshot does not have them, and they are not zeros."""
    EXTRA = "extra"
    """The snapshot has them, and should show zeros there or nothing at all."""


_WORDS = {
    DifferenceKind.DIFFERS: "other bytes than the {}",
    DifferenceKind.MISSING: "not in the snapshot, but in the {}",
    DifferenceKind.EXTRA: "not zeros, as the {} says",
}


class Difference(NamedTuple):
    """Blocks ``start`` to ``stop`` (excluded) that differ in one way from one reference."""

    start: int
    stop: int
    kind: DifferenceKind
    reference: str
    """``source`` or ``manifest``."""

    @property
    def words(self) -> str:
        """The whole of it, for people."""
        return f"{place_text(self.start, self.stop)}: {_WORDS[self.kind].format(self.reference)}"


class BlockDifference(NamedTuple):
    """One block that differs."""

    block_index: int
    kind: DifferenceKind
    reference: str


class DifferenceRuns:
    """Joins differences, which come in ascending order for each reference, to ranges."""

    def __init__(self, on_difference: Callable[[Difference], None]) -> None:
        """Call ``on_difference`` for each range as soon as it is known where it ends."""
        self._on_difference = on_difference
        self._open: dict[str, Difference] = {}
        self.block_count = 0
        """Verdicts so far."""

    def add(self, difference: BlockDifference) -> None:
        """Take one difference."""
        self.block_count += 1
        index, kind, reference = difference
        run = self._open.get(reference)
        if run is not None and run.kind is kind and run.stop == index:
            self._open[reference] = run._replace(stop=index + 1)
            return
        if run is not None:
            self._on_difference(run)
        self._open[reference] = Difference(index, index + 1, kind, reference)

    def close(self) -> None:
        """Report the ranges that are still open."""
        for run in sorted(self._open.values()):
            self._on_difference(run)
        self._open.clear()
