"""Which ledger a run goes on with: the one in its own folder, the store's, or none. Pure.

Two histories are never mixed: one of them is taken as a whole, by the facts of both.
"""

from dataclasses import dataclass
from enum import Enum, auto

from bulkput.ledger.header import LedgerHeader, LedgerPhase

_PROGRESS = {
    LedgerPhase.STARTING: 0,
    LedgerPhase.UPLOADING: 1,
    LedgerPhase.SEALING: 2,
    LedgerPhase.COMPLETED: 3,
    LedgerPhase.FAILED: 4,
}
"""How far a snapshot has come; what ended is never gone back from."""


class Take(Enum):
    """What a run goes on with."""

    NOTHING = auto()
    """There is no ledger anywhere: it begins a new one."""
    LOCAL = auto()
    STORED = auto()


@dataclass(frozen=True)
class LocalLedger:
    """What the folder has."""

    header: LedgerHeader | None
    """None if there is no ledger, or none that can be read."""
    writer_id: str | None = None
    """Of the last cut that was made of it, as far as the folder knows."""
    sequence: int = 0
    """Of that cut."""


@dataclass(frozen=True)
class StoredLedger:
    """What the store has."""

    header: LedgerHeader | None
    """None if there is no ledger, or none that can be read."""
    writer_id: str = ""
    sequence: int = 0


def which(local: LocalLedger, stored: StoredLedger) -> Take:
    """Return what to go on with.

    In this order:

    1. Where only one side has a ledger, that one.
    2. The same snapshot (or start): the one that says more of its end; a seal is a fact of the
       snapshot. Else the folder's own, if the store's last cut was made of it: it has all that the
       cut has, and the seconds since. Else another host went on: the store's. That is so too where
       only the folder knows the snapshot: the other host may have had it by the start's token,
       and put what was left out here; replayed, all of it counts as sent.
    3. Different ones: the later attempt, then the one that is still open, then the one that was
       changed later.
    """
    if local.header is None or stored.header is None:
        if stored.header is not None:
            return Take.STORED
        return Take.NOTHING if local.header is None else Take.LOCAL
    ours, theirs = local.header, stored.header
    is_own = local.writer_id == stored.writer_id and local.sequence >= stored.sequence
    if _start(ours) == _start(theirs) and ours.snapshot_id in {None, theirs.snapshot_id}:
        if _PROGRESS[ours.phase] != _PROGRESS[theirs.phase]:
            return _local_if(_PROGRESS[ours.phase] > _PROGRESS[theirs.phase])
        return _local_if(is_own)
    if _start(ours) == _start(theirs) and theirs.snapshot_id is None:
        takes_puts = ours.phase is LedgerPhase.UPLOADING
        return _local_if(is_own or ours.marks_lost or not takes_puts)
    return _local_if(_rank(ours) >= _rank(theirs))


def _start(header: LedgerHeader) -> tuple[int, str]:
    return header.attempt, header.nonce


def _rank(header: LedgerHeader) -> tuple[int, bool, float]:
    return header.attempt, not header.is_over(wait=True), header.updated_unix_s


def _local_if(is_local: bool) -> Take:  # noqa: FBT001 - the one answer
    return Take.LOCAL if is_local else Take.STORED
