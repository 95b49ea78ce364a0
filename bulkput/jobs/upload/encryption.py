"""Whether a snapshot is encrypted, asked of EC2 as well wherever blocks of zeros are left out.

A block that was never put reads as noise on an encrypted volume, and nobody has seen whether
StartSnapshot's answer shows the account's encryption by default. What EC2 reports wins.
"""

from typing import NamedTuple

from bulkput.ebs.snapshot import SnapshotState, StartedSnapshot
from bulkput.jobs.upload.snapshot import UploadContext
from bulkput.ledger.header import LedgerHeader
from bulkput.model.errors import ServiceError, SnapshotError
from bulkput.model.failure import FailureClass
from bulkput.model.zeros import ZeroPolicy
from bulkput.planning.zeros import ResolvedZeros, resolve_zero_policy

_CANNOT_BE_ASKED = frozenset({FailureClass.ACCESS_DENIED, FailureClass.INVALID})
"""A missing permission, or an endpoint without EC2's calls."""


class KnownEncryption(NamedTuple):
    """What is known of a snapshot that takes puts."""

    encrypted: bool
    zeros: ResolvedZeros


def resolved_zeros(
    context: UploadContext, requested: ZeroPolicy, *, encrypted: bool
) -> ResolvedZeros:
    """Return which empty blocks of this upload are put.

    Raises:
        ConfigError: blocks of an encrypted snapshot would be skipped.
    """
    return resolve_zero_policy(
        requested, encrypted=encrypted, unwritten_is_undefined=context.unwritten_is_undefined
    )


async def ask_encryption(
    context: UploadContext, started: StartedSnapshot, requested: ZeroPolicy, *, encrypted: bool
) -> KnownEncryption:
    """Return what EC2 reports, asked before anything is left out of the snapshot.

    Args:
        context: The upload.
        started: The snapshot.
        requested: The zero policy.
        encrypted: By StartSnapshot's answer, the settings or the parent.

    Raises:
        ConfigError: it is encrypted, and blocks of zeros are to be skipped.
        SnapshotError: it is encrypted, and its parent is not.
        ServiceError: EC2 cannot be asked now, or may not be and is needed for the wait.
    """
    zeros = resolved_zeros(context, requested, encrypted=encrypted)
    if encrypted or _puts_all(zeros.policy):
        return KnownEncryption(encrypted, zeros)
    live: SnapshotState | None = None
    try:
        live = await context.describe_new(started.snapshot_id, started.age_s)
    except ServiceError as error:
        # The wait asks the same: better to fail now than after the last block.
        if context.volume.snapshot.wait or error.failure not in _CANNOT_BE_ASKED:
            raise
    if live is None:
        return _unknown(context, started.snapshot_id, requested, zeros)
    if not live.encrypted:
        return KnownEncryption(encrypted=False, zeros=zeros)
    require_encryption_of_parent(context, started.snapshot_id)
    context.note(encrypted_after_all(started.snapshot_id))
    return KnownEncryption(encrypted=True, zeros=resolved_zeros(context, requested, encrypted=True))


def _unknown(
    context: UploadContext, snapshot_id: str, requested: ZeroPolicy, zeros: ResolvedZeros
) -> KnownEncryption:
    """Return what to do where EC2 gives no answer: put everything, unless configured otherwise."""
    asked = f"EC2 gave no answer whether {snapshot_id} is encrypted (ec2:DescribeSnapshots)"
    if requested is not ZeroPolicy.AUTO or context.volume.snapshot.encrypted is False:
        context.note(f"{asked}: blocks of zeros are left out, as configured")
        return KnownEncryption(encrypted=False, zeros=zeros)
    context.note(f"{asked}: blocks of zeros are put too")
    everything = resolved_zeros(context, ZeroPolicy.WRITE, encrypted=False)
    return KnownEncryption(encrypted=False, zeros=everything)


def require_encryption_of_parent(context: UploadContext, snapshot_id: str) -> None:
    """Return if an encrypted snapshot may take puts.

    Raises:
        SnapshotError: its parent is not encrypted: what shows through would read as noise.
    """
    if context.parent is not None and not context.parent.header.encrypted:
        raise SnapshotError(
            snapshot_id,
            f"is encrypted, as EC2 says, and its parent {context.parent_snapshot_id} is not: what "
            "is not put again may read as noise. Upload without a parent",
        )


def encrypted_after_all(snapshot_id: str) -> str:
    """Return the note about a snapshot that only EC2 calls encrypted."""
    return f"{snapshot_id} is encrypted, as EC2 says, although StartSnapshot did not show it"


def lacks_blocks(header: LedgerHeader, live: SnapshotState) -> bool:
    """Return whether blocks were left out of a snapshot that turns out to be encrypted."""
    return live.encrypted and not header.encrypted and not _puts_all(header.zero_policy)


def require_all_blocks(header: LedgerHeader, live: SnapshotState) -> None:
    """Return if a completed snapshot shows zeros where nothing was put.

    Raises:
        SnapshotError: it turns out to be encrypted.
    """
    if header.snapshot_id is not None and lacks_blocks(header, live):
        raise SnapshotError(
            header.snapshot_id,
            "is encrypted, as EC2 says only now, and blocks of zeros were left out of it: they "
            "read as noise. Do not use it; run again with zeros: write (--zeros write)",
        )


def _puts_all(policy: ZeroPolicy) -> bool:
    return policy is ZeroPolicy.WRITE
