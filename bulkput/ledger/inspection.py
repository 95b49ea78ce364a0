"""The ledger's inspector: what a folder holds and whether it holds, for showing and for checking.

Reads only, takes no lock, may look on while an upload runs. Prints nothing.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from bulkput.ledger.header import LedgerHeader
from bulkput.ledger.ledger import TABLE_NAME, Ledger
from bulkput.ledger.marks import Counts
from bulkput.model.block import Extent

RANGES_MAX = 20
"""As many runs as a screen shows; a scattered table has millions."""


@dataclass(frozen=True)
class Ranges:
    """The first runs of some kind, ascending."""

    extents: tuple[Extent, ...]
    more: bool
    """Whether there are others behind them."""


@dataclass(frozen=True)
class Inspection:
    """What one ledger records, and what is wrong with it."""

    folder: Path
    header: LedgerHeader
    counts: Counts
    """All blocks, those whose records do not hold as ``lost``; all zero before the start."""
    acknowledged: Ranges
    must_put: Ranges
    allocated_bytes: int
    """Of the table on disk; its size is mostly holes."""

    @property
    def problems(self) -> tuple[str, ...]:
        """One sentence for each thing that is wrong; empty for a sound ledger."""
        found = []
        if self.header.marks_lost:
            found.append(
                "records may be missing: the machine went down while the table was open, or the"
                " file was cut, so unknown blocks count as lost"
            )
        elif self.counts.lost:
            found.append(f"{self.counts.lost} records have a wrong CRC; their blocks are put again")
        return tuple(found)

    def as_dict(self) -> dict[str, Any]:
        """Return the same in plain values, for JSON."""
        return {
            "folder": str(self.folder),
            "header": asdict(self.header) | {"source_identity": dict(self.header.source_identity)},
            "counts": self.counts._asdict(),
            "acknowledged": asdict(self.acknowledged),
            "must_put": asdict(self.must_put),
            "allocated_bytes": self.allocated_bytes,
            "problems": list(self.problems),
        }


def inspect_ledger(folder: Path, *, ranges_max: int = RANGES_MAX) -> Inspection:
    """Read and check every record of the ledger in ``folder``.

    Raises:
        LedgerError: there is none, its header does not hold, or its files do not belong together.
    """
    with Ledger.view(folder) as ledger:
        if ledger.header.snapshot_id is None:
            nothing = Ranges((), more=False)
            counts = Counts(*([0] * len(Counts._fields)))
            return Inspection(folder, ledger.header, counts, nothing, nothing, 0)
        return Inspection(
            folder=folder,
            header=ledger.header,
            counts=ledger.counts(),
            acknowledged=_first(ledger.acknowledged(), ranges_max),
            must_put=_first(ledger.sent_unacknowledged(), ranges_max),
            allocated_bytes=(folder / TABLE_NAME).stat().st_blocks * 512,
        )


def _first(extents: Iterator[Extent], count_max: int) -> Ranges:
    found = tuple(islice(extents, count_max))
    return Ranges(found, more=next(extents, None) is not None)
