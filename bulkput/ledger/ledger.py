r"""The ledger of one upload: what is known to be in its snapshot, kept through any crash.

A folder (0700) holds three files (0600):

==============  =================================================================================
file            content
==============  =================================================================================
``ledger.json`` ``LedgerHeader`` as JSON with a SHA-256 of itself; always replaced as a whole
``ledger.bin``  the digest table: a head of 80 bytes, then 40 bytes for each block index
``lock``        held with flock by the one process that writes; its process id in text
==============  =================================================================================

``ledger.bin``, format 1; integers little-endian; sparse; size = 80 + 40 x block count:

========================  =====  ================================================================
offset                    bytes  field
========================  =====  ================================================================
0                         8      magic ``bulkput\n``
8                         4      version of this table, 1
12                        4      bytes a record, 40
16                        8      block count
24                        48     snapshot id, ASCII, padded with zeros
72                        4      zeros
76                        4      CRC-32 of bytes 0 to 75
80 + 40 x index           32     digest: SHA-256 of the block; zeros where it is unchanged
80 + 40 x index + 32      1      state: 0 unknown, 1 sent, 2 acknowledged, 3 skipped as zero,
                                 4 unchanged (equal to the baseline)
80 + 40 x index + 33      3      zeros
80 + 40 x index + 36      4      CRC-32 of: snapshot id, index as 8 bytes, the 36 bytes before
========================  =====  ================================================================

A record of 40 zeros, as a hole reads, is unknown. A record that is neither that nor holds by its
CRC is *lost*: its block may have been sent, so it must be put and can never be skipped. If the
machine went down while the table was open, or the file was cut, the same is true of every
unknown record, until the caller says that the source has not changed since.
"""

from dataclasses import replace
from pathlib import Path

from bulkput.ledger.closing import Closing
from bulkput.ledger.header import LedgerHeader, LedgerPhase
from bulkput.ledger.header_file import has_ledger, read_header, write_header
from bulkput.ledger.lock import FolderLock
from bulkput.ledger.marks import Marks
from bulkput.ledger.mirror_record import may_be_mirrored
from bulkput.ledger.record import State
from bulkput.ledger.storage import boot_id
from bulkput.ledger.table import Table
from bulkput.model.errors import LedgerError
from bulkput.model.zeros import ZeroPolicy

TABLE_NAME = "ledger.bin"


class Ledger(Closing, Marks):
    """The marks of one snapshot with their header; made by ``create``, ``open`` or ``view``."""

    def __init__(
        self, folder: Path, header: LedgerHeader, table: Table | None, lock: FolderLock | None
    ) -> None:
        super().__init__(folder, table)
        self.folder = folder
        self._header = header
        self._lock = lock

    @classmethod
    def create(cls, folder: Path, header: LedgerHeader) -> "Ledger":
        """Begin a ledger in an existing folder; on return ``header`` outlives the machine.

        Raises:
            LedgerError: another process works here, a ledger exists, or it cannot be written.
            TemporaryError: the disk is full.
        """
        lock = FolderLock(folder)
        try:
            ledger = cls(folder, header, None, lock)
            ledger._begin(header)
        except BaseException:
            lock.close()
            raise
        return ledger

    def _begin(self, header: LedgerHeader) -> None:
        if has_ledger(self.folder):
            raise LedgerError(self.folder, "holds a ledger already. Run again to resume from it")
        self.restart(header)

    @classmethod
    def open(cls, folder: Path) -> "Ledger":
        """Take up the ledger in ``folder`` to go on with it.

        Raises:
            LedgerError: another process works here, or the ledger is missing, torn, damaged, of
                another version, or its two files do not belong together.
            TemporaryError: the disk is full.
        """
        lock = FolderLock(folder)
        table: Table | None = None
        try:
            header = read_header(folder)
            lock.count_run()
            if header.snapshot_id is not None:
                header, table = _open_table(folder, header, header.snapshot_id, writable=True)
            elif may_be_mirrored(folder):
                header = replace(header, marks_lost=True)  # another host may have put by its token
            ledger = cls(folder, header, table, lock)
            if table is not None:
                ledger._save(replace(header, open_boot_id=boot_id()))
                if not table.whole:  # only now: mended, it no longer shows that marks are missing
                    table.mend()
        except BaseException:
            if table is not None:
                table.close()
            lock.close()
            raise
        return ledger

    @classmethod
    def view(cls, folder: Path) -> "Ledger":
        """Read the ledger in ``folder``, even while another process writes it; marks fail.

        Raises:
            LedgerError: as ``open``, except for the lock.
        """
        header = read_header(folder)
        table: Table | None = None
        if header.snapshot_id is not None:
            header, table = _open_table(folder, header, header.snapshot_id, writable=False)
        return cls(folder, header, table, None)

    @property
    def header(self) -> LedgerHeader:
        """The facts as they are stored now."""
        return self._header

    @property
    def lock_descriptor(self) -> int:
        """Of the lock; a process that works for this one holds a copy, to count as at work."""
        assert self._lock is not None  # noqa: S101 - not of a view
        return self._lock.descriptor

    def restart(self, header: LedgerHeader) -> None:
        """Forget the snapshot and its table for a new attempt, durably.

        Raises:
            LedgerError: the folder cannot be written.
            TemporaryError: the disk is full.
        """
        if header.snapshot_id is not None:
            raise ValueError("a new attempt has no snapshot yet")
        self._save(replace(header, open_boot_id=None, marks_lost=False))
        if self._lock is not None:
            self._lock.count_run(anew=True)
        # From here on no record counts: without a snapshot the table is emptied before its use.
        if self._table is not None:
            self._table.close()
            self._table = None

    def bind(
        self,
        snapshot_id: str,
        *,
        zero_policy: ZeroPolicy,
        encrypted: bool,
        now_unix_s: float,
        holds_unknown: bool = False,
    ) -> None:
        """Note StartSnapshot's answer and begin an empty table for it, durably.

        Args:
            snapshot_id: The snapshot.
            zero_policy: As resolved.
            encrypted: Whether it is.
            now_unix_s: The time.
            holds_unknown: It was started a while ago, so that a run whose marks are lost may have
                put blocks into it.

        Raises:
            LedgerError: the ledger has another snapshot, or cannot be written.
            TemporaryError: the disk is full.
        """
        if self._header.snapshot_id is not None:
            raise LedgerError(
                self.folder, f"is of {self._header.snapshot_id} and cannot take {snapshot_id}"
            )
        bound = replace(
            self._header,
            snapshot_id=snapshot_id,
            phase=LedgerPhase.UPLOADING,
            zero_policy=zero_policy,
            encrypted=encrypted,
            updated_unix_s=now_unix_s,
            open_boot_id=boot_id(),
            marks_lost=self._header.marks_lost and holds_unknown,
        )
        if bound.marks_lost:  # zeros are put: no later run may leave out what it does not know
            bound = replace(bound, source_identity={})
        table = Table.create(self.folder / TABLE_NAME, snapshot_id, bound.block_count)
        try:
            self._save(bound)
        except BaseException:
            table.close()
            raise
        if bound.marks_lost:
            table.blank = State.LOST
        self._table = table

    def enter(self, phase: LedgerPhase, *, now_unix_s: float) -> None:
        """Note how far the snapshot has come, durably; nobody has seen the result yet.

        Raises:
            LedgerError: the header cannot be written.
            TemporaryError: the disk is full.
        """
        self._save(replace(self._header, phase=phase, delivered=False, updated_unix_s=now_unix_s))

    def amend(self, header: LedgerHeader) -> None:
        """Store other facts of the same snapshot and table, such as the source's new identity.

        Raises:
            ValueError: the snapshot, the block count or what the ledger keeps itself differs.
            LedgerError: the header cannot be written.
            TemporaryError: the disk is full.
        """
        for name in ("snapshot_id", "block_count", "open_boot_id", "marks_lost"):
            if getattr(header, name) != getattr(self._header, name):
                raise ValueError(f"{name} cannot be amended")
        self._save(header)

    def close(self) -> None:
        """Flush, note that nothing is open, and let others in; idempotent.

        Raises:
            LedgerError: the disk refused; the ledger is closed all the same, as if by a crash.
            TemporaryError: the disk is full; the same.
        """
        table, self._table = self._table, None
        lock, self._lock = self._lock, None
        try:
            if table is not None and lock is not None:
                table.flush()
                self._save(replace(self._header, open_boot_id=None))
        finally:
            if table is not None:
                table.close()
            if lock is not None:
                lock.close()

    def _save(self, header: LedgerHeader) -> None:
        write_header(self.folder, header)
        self._header = header


def _open_table(
    folder: Path, header: LedgerHeader, snapshot_id: str, *, writable: bool
) -> tuple[LedgerHeader, Table]:
    """Return the table, and the header with ``marks_lost`` as it is now known."""
    table = Table.open(folder / TABLE_NAME, snapshot_id, header.block_count, writable=writable)
    machine_went_down = header.open_boot_id is not None and header.open_boot_id != (
        boot_id() or None
    )
    if header.marks_lost or machine_went_down or not table.whole:
        table.blank = State.LOST
        header = replace(header, marks_lost=True)
    return header, table
