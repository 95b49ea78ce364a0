"""Inspects a ledger that another process may be writing: what looks torn is read again."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bulkput.ledger.inspection import Inspection, inspect_ledger
from bulkput.ledger.lock import Holder, holder_of
from bulkput.model.errors import IntegrityError, LedgerError

_LOOKS_MAX = 5
"""A record that is being written may be seen half (measured: once in 5000 looks at a table that is
rewritten all the time), and a new attempt replaces both files; five in a row are no chance."""


@dataclass(frozen=True)
class Inspected:
    """A ledger, and who works on it."""

    inspection: Inspection
    holder: Holder | None

    @property
    def has_table(self) -> bool:
        """Whether there are records: not before the snapshot is started."""
        return self.inspection.header.snapshot_id is not None

    def as_dict(self) -> dict[str, Any]:
        """Return the documented JSON object."""
        return self.inspection.as_dict() | {
            "held": self.holder is not None,
            "held_by": None if self.holder is None else self.holder.process_id,
        }

    def require_sound(self) -> None:
        """Return if nothing is wrong.

        Raises:
            IntegrityError: names what is.
        """
        if self.inspection.problems:
            what = "; ".join(self.inspection.problems)
            raise IntegrityError(f"{self.inspection.folder}: {what}")


def inspect(folder: Path, *, ranges_max: int) -> Inspected:
    """Read and check all of the ledger in ``folder``.

    Raises:
        LedgerError: there is none, its header does not hold, or its files do not belong together.
    """
    for _ in range(_LOOKS_MAX):
        holder = holder_of(folder)
        try:
            inspection = inspect_ledger(folder, ranges_max=ranges_max)
        except LedgerError:
            if holder is None:
                raise
        else:
            if holder is None or not inspection.problems:
                return Inspected(inspection, holder)
    return Inspected(inspect_ledger(folder, ranges_max=ranges_max), holder)
