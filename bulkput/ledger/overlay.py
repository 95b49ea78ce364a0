"""The manifest of a snapshot made from its ledger: its own blocks, laid over its parent's."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bulkput.ledger.manifest import Manifest
from bulkput.ledger.manifest_header import ManifestHeader
from bulkput.ledger.manifest_writer import ManifestWriter
from bulkput.ledger.marks import Acknowledged, Marks
from bulkput.ledger.table import WINDOW_RECORDS


def write_overlay(path: Path, header: ManifestHeader, marks: Marks, parent: Manifest | None) -> int:
    """Make ``path`` the manifest of the snapshot that ``marks`` are of. Blocks; bounded memory.

    Returns:
        How many blocks the snapshot has by it.

    Raises:
        LedgerError: the table cannot be read, or the file not be written.
        TemporaryError: the disk is full.
    """
    with ManifestWriter(path, header) as writer:
        done = 0
        for own in marks.acknowledged_windows():
            stop = own.start + len(own.present)
            if parent is not None:
                _add_parents(writer, parent, done, own.start)
                own = _over(parent, own)  # noqa: PLW2901 - the same window, filled up
            writer.add(own.start + np.flatnonzero(own.present), own.digests[own.present])
            done = stop
        if parent is not None:
            _add_parents(writer, parent, done, header.block_count)
        writer.finish()
        return writer.present_count


def _over(parent: Manifest, own: Acknowledged) -> Acknowledged:
    stop = own.start + len(own.present)
    digests = parent.digests(own.start, stop)
    digests[own.present] = own.digests[own.present]
    return Acknowledged(own.start, own.present | parent.present(own.start, stop), digests)


def _add_parents(writer: ManifestWriter, parent: Manifest, start: int, stop: int) -> None:
    """Add blocks that only the parent has, passing over what it has not."""
    for at, end in _windows(parent, start, stop):
        present = parent.present(at, end)
        writer.add(at + np.flatnonzero(present), parent.digests(at, end)[present])


def _windows(parent: Manifest, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Yield windows that hold all of the parent's blocks, each begun where there is one."""
    done = start
    for extent in parent.extents(start, stop):
        at = max(done, extent.start)
        while at < extent.stop:
            done = min(at + WINDOW_RECORDS, stop)
            yield at, done
            at = done
