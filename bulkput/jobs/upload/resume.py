"""An earlier run's snapshot is gone on with: what its ledger is worth to this run."""

from dataclasses import replace
from typing import Any

from bulkput.ebs.snapshot import SnapshotState
from bulkput.jobs.upload import rules
from bulkput.jobs.upload.encryption import (
    encrypted_after_all,
    require_encryption_of_parent,
    resolved_zeros,
)
from bulkput.jobs.upload.resume_decision import trusts, why_read
from bulkput.jobs.upload.snapshot import UploadContext, UploadSnapshot
from bulkput.ledger.header import LedgerPhase

_MIXED: dict[str, Any] = {}
"""The identity of no source: the marks are of several, so that no later run may trust them unread,
however often this one is interrupted before it has compared them all."""


def take_up(place: UploadContext, live: SnapshotState | None, *, only_wait: bool) -> UploadSnapshot:
    """Go on with the snapshot in the ledger."""
    ledger, source = place.ledger, place.source
    header = ledger.header
    assert header.snapshot_id is not None  # noqa: S101 - judged
    encrypted = header.encrypted
    if live is not None and live.encrypted and not encrypted:
        require_encryption_of_parent(place, header.snapshot_id)
        place.note(encrypted_after_all(header.snapshot_id))
        encrypted = True
    zeros = resolved_zeros(
        place, rules.zeros_to_go_on_with(place.volume, header.zero_policy), encrypted=encrypted
    )
    same_source = dict(header.source_identity) == source.identity.as_dict()
    if only_wait:
        ledger.trust_unknown()  # every mark was flushed before the seal began
        is_completed = header.phase is LedgerPhase.COMPLETED
        return UploadSnapshot(
            header.snapshot_id,
            zeros,
            trust=True,
            only_wait=True,
            is_completed=is_completed,
        )
    trust = trusts(place.volume.resume, source, header.source_identity)
    same_policy = header.zero_policy is zeros.policy
    if trust and same_policy:
        ledger.trust_unknown()
    if not same_source:
        place.note(why_read(header.source_identity))
    if not (same_source and same_policy):
        ledger.flush()  # marks may go missing only while what they were made under still stands
    is_mixed = ledger.marks_lost or not same_source
    ledger.amend(
        replace(
            ledger.header,
            source_identity=_MIXED if is_mixed else header.source_identity,
            zero_policy=zeros.policy,
            encrypted=encrypted,
            updated_unix_s=place.context.clock.unix_s(),
        )
    )
    return UploadSnapshot(
        header.snapshot_id,
        zeros,
        trust=trust,
        puts_all=rules.may_hold_unknown(place.volume, ledger.header.zero_policy),
    )
