"""What a download has settled at its destination: a table like a ledger's, and what it is of.

Losing it, or a part of it, costs gets and nothing else. Its marks vouch for no bytes: others may
have written there since, or the machine went down before the disk saw them. Whoever goes on has to
look at the bytes.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bulkput.ledger.closing import Closing
from bulkput.ledger.folder import ensure_folder
from bulkput.ledger.header_schema import parse_facts
from bulkput.ledger.lock import LOCK_NAME, FolderLock
from bulkput.ledger.record import State
from bulkput.ledger.state_file import read_state_file, remove_file, replace_file
from bulkput.ledger.storage import storage_error
from bulkput.ledger.table import Table
from bulkput.model.block import ZERO_BLOCK_DIGEST, Extent
from bulkput.model.errors import LedgerError

_HEADER_NAME = "download.json"
_TABLE_NAME = "settled"
FORMAT_VERSION = 1

_HEADER_MAX_BYTES = 1 << 20
"""Some thousand times the largest one written."""

_DIGEST_STATES = frozenset({State.ACKNOWLEDGED})


class SettledTable:
    """The marks of one download."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def settle(self, index: int, digest: bytes) -> None:
        """Note that the destination holds the block with ``digest``.

        Raises:
            LedgerError: the table cannot be written.
            TemporaryError: the disk is full.
        """
        self.table.write(index, State.ACKNOWLEDGED, digest)


class Restoration(Closing):
    """The state of one download in ``folder``, locked until ``close``."""

    def __init__(self, folder: Path) -> None:
        """Lock the folder, which is made where it is missing; nothing is read.

        Raises:
            LedgerError: another process works on this download, or the folder cannot be used.
        """
        ensure_folder(folder.parent)
        ensure_folder(folder)
        self.folder = folder
        self.is_fresh = True
        """Whether nothing was settled before."""
        self._lock = FolderLock(folder)
        self._table: Table | None = None

    def stored(self) -> dict[str, Any]:
        """Return the facts that an earlier run began with; empty if there are none to be had."""
        return _facts_in(self.folder)

    def others(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Yield the folders of other downloads that were begun, with their facts."""
        for folder in sorted(self.folder.parent.iterdir()):
            if folder != self.folder and (facts := _facts_in(folder)):
                yield folder, facts

    def open(self, facts: Mapping[str, Any], snapshot_id: str, block_count: int) -> None:
        """Take up what an earlier run settled if it had the same ``facts``; else begin anew.

        Raises:
            LedgerError: the files cannot be written.
            TemporaryError: the disk is full.
        """
        stored = self.stored()
        path = self.folder / _TABLE_NAME
        if stored and {**stored, **facts} == stored:
            try:
                table = Table.open(path, snapshot_id, block_count, writable=True)
            except LedgerError:
                pass
            else:
                if table.whole:
                    self._table, self.is_fresh = table, False
                    return
                table.close()
        self.forget()
        self._table = Table.create(path, snapshot_id, block_count)
        header = {**facts, "format_version": FORMAT_VERSION}
        replace_file(self.folder / _HEADER_NAME, json.dumps(header).encode("ascii"))

    def forget(self, folder: Path | None = None) -> None:
        """Let nothing count as settled that an earlier run, or another in ``folder``, settled.

        Raises:
            LedgerError: it cannot be removed.
        """
        path = (folder or self.folder) / _HEADER_NAME
        try:
            remove_file(path)
        except OSError as error:
            raise storage_error(path, "remove the file", error) from error

    @property
    def table(self) -> Table:
        """The open table."""
        assert self._table is not None  # noqa: S101 - opened by whoever asks
        return self._table

    def digests(self, indexes: list[int]) -> list[bytes | None]:
        """Return the digest of what was settled at each index, or None. Blocks.

        Raises:
            LedgerError: the table cannot be read.
        """
        if self.is_fresh:
            return [None] * len(indexes)
        return [self._digest(index) for index in indexes]

    def _digest(self, index: int) -> bytes | None:
        window = self.table.read(Extent(index, index + 1))
        state = window.states[0]
        if state == State.SKIPPED_ZERO:
            return ZERO_BLOCK_DIGEST
        return window.records["digest"][0].tobytes() if state in _DIGEST_STATES else None

    @property
    def settled(self) -> SettledTable:
        """What takes the marks of this run."""
        return SettledTable(self.table)

    @property
    def lock_descriptor(self) -> int:
        """For another process that writes the same destination: until it ends, the lock is held."""
        return self._lock.descriptor

    def remove(self) -> None:
        """Forget all of it: the download is done. Files of others are left.

        Raises:
            OSError: as the system raises it.
        """
        for name in (_HEADER_NAME, _TABLE_NAME, LOCK_NAME):
            remove_file(self.folder / name)
        if not any(self.folder.iterdir()):
            self.folder.rmdir()

    def close(self) -> None:
        """Let others in; idempotent."""
        if self._table is not None:
            self._table.close()
        self._lock.close()


def _facts_in(folder: Path) -> dict[str, Any]:
    try:
        facts = parse_facts(read_state_file(folder / _HEADER_NAME, _HEADER_MAX_BYTES))
    except (OSError, ValueError):
        return {}
    return facts if facts.get("format_version") == FORMAT_VERSION else {}
