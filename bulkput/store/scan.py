"""Which pieces of a table have changed since the last cut: by their digests, at a bounded cost.

A piece whose records are all settled does not change any more while the run lasts, and one that was
found unchanged is looked at more and more rarely, as the holes of a sparse disk are never settled.
So a pass reads what is near the upload's front, whatever the table's size. Methods block.
"""

from collections.abc import Iterator, Mapping

from bulkput.ledger.segments import Segment, TableSegments
from bulkput.store.cut import KeptSegment

_DOUBLINGS_MAX = 3
"""At least every eighth pass, 4 min: a mark that comes so late costs a put, should the host die."""


class ChangeFinder:
    """What is known of the pieces of one snapshot's table."""

    def __init__(self, kept: Mapping[int, KeptSegment]) -> None:
        """Begin with what the store has."""
        self.kept = dict(kept)
        """By number, as the store has them."""
        self._settled: set[int] = set()
        self._unchanged: dict[int, int] = {}
        self._passes = 0

    def changed(self, table: TableSegments, *, is_full: bool) -> Iterator[Segment]:
        """Iterate over the pieces that the store has otherwise; one is in memory at a time.

        Args:
            table: The table, as it is now.
            is_full: Look at all that is not settled.
        """
        self._passes += 1
        for number in table.with_data():
            if number in self._settled or not (is_full or self._is_due(number)):
                continue
            segment = table.read(number)
            known = self.kept.get(number)
            if not segment.content or (known is not None and known.sha256 == segment.digest.hex()):
                self._unchanged[number] = self._unchanged.get(number, 0) + 1
                if segment.is_settled:
                    self._settled.add(number)
                continue
            yield segment

    def note_kept(self, segment: Segment) -> KeptSegment | None:
        """Note that the store has a piece now; return what it had in its place."""
        before = self.kept.get(segment.number)
        self.kept[segment.number] = kept_form(segment)
        self._unchanged.pop(segment.number, None)
        if segment.is_settled:
            self._settled.add(segment.number)
        return before

    def _is_due(self, number: int) -> bool:
        doublings = min(self._unchanged.get(number, 0), _DOUBLINGS_MAX)
        return self._passes % (1 << doublings) == 0


def kept_form(segment: Segment) -> KeptSegment:
    """Return how a cut lists a piece."""
    return KeptSegment(segment.number, len(segment.content), segment.digest.hex(), *segment.tally)
