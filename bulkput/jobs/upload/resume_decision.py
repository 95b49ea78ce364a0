"""What to do with the ledger that an earlier run left: a pure decision."""

from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Literal, NamedTuple

from bulkput.ebs.snapshot import SnapshotState
from bulkput.jobs.upload.encryption import lacks_blocks
from bulkput.ledger.header import LedgerHeader, LedgerPhase
from bulkput.model.zeros import ZeroPolicy
from bulkput.source.source import Source

_ALL_PUT = frozenset({LedgerPhase.SEALING, LedgerPhase.COMPLETED})


_TRUSTS: dict[str, Callable[[bool], bool]] = {
    "auto": lambda reports_changes: reports_changes,
    "trust": lambda reports_changes: True,  # noqa: ARG005 - the user knows that nothing wrote to it
    "verify": lambda reports_changes: False,  # noqa: ARG005 - everything is read and compared
}


class ResumeAction(Enum):
    """How this run begins."""

    START = auto()
    """There is nothing to go on with: a new snapshot."""
    REPLAY = auto()
    """StartSnapshot may have been answered: the same token gives the same snapshot."""
    RESUME = auto()
    """The snapshot takes puts: go on."""
    WAIT = auto()
    """Everything is put and sealed: the wait is left, and whether the source still holds it."""
    REPORT_COMPLETED = auto()
    """It is completed: what is left is whether the source still holds it, and to report it."""


class EarlierAnswer(Enum):
    """Whether a snapshot that an earlier run sealed is what the source holds now."""

    REPORT = auto()
    """It is, by an identity that vouches for the content, or by the user's word."""
    COMPARE = auto()
    """Only known once the source is read."""
    START_NEW = auto()
    """It is not, or the source can be read only once: a new snapshot."""


class ResumeDecision(NamedTuple):
    """The action, and what the user should know of it."""

    action: ResumeAction
    note: str = ""
    abandoned_snapshot_id: str | None = None
    """A pending snapshot that no run will go on with."""


def decide_resume(
    header: LedgerHeader,
    live: SnapshotState | None,
    *,
    block_count: int,
    volume_size_gib: int,
    wait: bool,
    parent_snapshot_id: str | None = None,
) -> ResumeDecision:
    """Decide from the earlier run's header and EC2's word.

    Args:
        header: Of the ledger found.
        live: The snapshot as EC2 describes it; None if it does not exist or was never named.
        block_count: To consider now.
        volume_size_gib: As wanted now.
        wait: Whether the snapshot's completion is to be waited for.
        parent_snapshot_id: As wanted now.
    """
    if header.is_over(wait=wait):
        return ResumeDecision(ResumeAction.START)
    same_size = (header.block_count, header.volume_size_gib) == (block_count, volume_size_gib)
    if header.snapshot_id is None:
        same = same_size and header.parent_snapshot_id == parent_snapshot_id
        return ResumeDecision(ResumeAction.REPLAY if same else ResumeAction.START)
    snapshot_id = header.snapshot_id
    unusable = _why_unusable(header, live)
    if live is None or unusable:
        return ResumeDecision(
            ResumeAction.START, f"{snapshot_id} {unusable}: starting a new snapshot"
        )
    if header.phase is LedgerPhase.COMPLETED:
        return ResumeDecision(
            ResumeAction.REPORT_COMPLETED,
            f"{snapshot_id} was completed by a run that ended before it reported the result",
        )
    if header.phase is LedgerPhase.SEALING:
        return ResumeDecision(
            ResumeAction.WAIT, f"{snapshot_id} is uploaded and sealed: waiting for it"
        )
    if live.state != "pending":
        return ResumeDecision(
            ResumeAction.START,
            f"{snapshot_id} was completed by someone else: starting a new snapshot",
        )
    if not same_size:
        return ResumeDecision(
            ResumeAction.START,
            f"the source's or volume's size changed since {snapshot_id} was started: "
            "starting a new snapshot and deleting that one",
            abandoned_snapshot_id=snapshot_id,
        )
    return ResumeDecision(ResumeAction.RESUME, f"resuming {snapshot_id}")


def decide_answer(
    header: LedgerHeader,
    source: Source,
    *,
    resume: Literal["auto", "trust", "verify"],
    zero_policy: ZeroPolicy,
) -> EarlierAnswer:
    """Decide whether the sealed snapshot in ``header`` answers for ``source`` as it is now.

    Args:
        header: Of the ledger, sealed.
        source: As it was opened by this run; nothing is read.
        resume: As configured.
        zero_policy: As wanted now: a snapshot that lacks zeros which are wanted is no answer.
    """
    # What is piped in is another stream each time, however ``resume`` is configured.
    if header.size_bytes != source.size_bytes or source.kind == "stream":
        return EarlierAnswer.START_NEW
    if trusts(resume, source, header.source_identity) and header.zero_policy is zero_policy:
        return EarlierAnswer.REPORT
    # A device is claimed while it is open: not even to decompress it again can it be opened twice.
    read_once = source.is_sequential and source.kind == "device"
    return EarlierAnswer.START_NEW if read_once else EarlierAnswer.COMPARE


def trusts(
    resume: Literal["auto", "trust", "verify"], source: Source, recorded: Mapping[str, object]
) -> bool:
    """Return whether what the ledger vouches for need not be read again.

    Args:
        resume: As configured.
        source: As it was opened by this run; nothing is read.
        recorded: The identity that the ledger has; an equal one means equal content only where
            the source reports every change. What is piped in is another stream each time,
            whatever ``resume`` says.
    """
    same = dict(recorded) == source.identity.as_dict()
    return same and source.kind != "stream" and _TRUSTS[resume](source.reports_changes)


def why_read(recorded: Mapping[str, object]) -> str:
    """Return for the user why nothing is trusted of a source whose identity is another now.

    Args:
        recorded: The identity that the ledger has; an empty one is of no source that is known, as
            where the marks are of several, or of another host's.
    """
    why = "the source changed since the upload began"
    if not recorded:
        why = "it is not known whether the source is the one that the upload began with"
    return f"{why}: all of it is read and compared"


def _why_unusable(header: LedgerHeader, live: SnapshotState | None) -> str:
    """Return why nothing can come of the snapshot any more; empty if something can."""
    if live is None:
        return "does not exist any more"
    if live.state == "error":
        return f"ended in error ({live.state_message or 'no reason given'})"
    if header.phase in _ALL_PUT and lacks_blocks(header, live):
        return (
            "is encrypted, as EC2 says, and blocks of zeros were left out of it, which read as "
            "noise (do not use it)"
        )
    return ""
