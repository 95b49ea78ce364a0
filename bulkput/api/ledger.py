"""A ledger is found and looked into. Reads only."""

from pathlib import Path

from bulkput.jobs.state.inspect_ledger import Inspected, inspect
from bulkput.jobs.state.uploads import locate

__all__ = ["Inspected", "inspect_ledger"]


def inspect_ledger(state_dir: Path, name: str, *, ranges_max: int) -> Inspected:
    """Look into the ledger of that folder, snapshot or volume.

    Raises:
        LedgerError: there is none or more than one, or it cannot be read.
    """
    return inspect(locate(state_dir, name), ranges_max=ranges_max)
