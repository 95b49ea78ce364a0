"""Whether a snapshot will be encrypted, and what becomes of zeros then; no account is asked."""

from bulkput.config.volume import VolumeSettings
from bulkput.jobs.plan.forecast import EncryptionBasis
from bulkput.jobs.plan.parent import KnownParent
from bulkput.jobs.plan.resumable_upload import Earlier
from bulkput.jobs.upload import rules
from bulkput.model.zeros import ZeroPolicy
from bulkput.planning.zeros import ResolvedZeros, resolve_zero_policy

FIT_FOR_ENCRYPTION = frozenset({ZeroPolicy.AUTO, ZeroPolicy.WRITE})
"""An encrypted snapshot may have them."""


def resolve_zeros(
    volume: VolumeSettings, earlier: Earlier | None, parent: KnownParent | None
) -> tuple[EncryptionBasis, ResolvedZeros]:
    """Return where encryption is known from, and the policy under it.

    Raises:
        ConfigError: blocks of an encrypted snapshot would be skipped.
    """
    encrypted = will_be_encrypted(volume, earlier, parent)
    if earlier is not None:
        zeros = resolve_zero_policy(earlier.zeros(volume), encrypted=encrypted)
        return EncryptionBasis.SNAPSHOT, zeros
    zeros = resolve_zero_policy(volume.zeros, encrypted=encrypted)
    if parent is not None and parent.manifest is not None:
        return EncryptionBasis.PARENT, zeros
    if encrypted:
        return EncryptionBasis.REQUESTED, zeros
    declined = volume.snapshot.encrypted is False
    return EncryptionBasis.DECLINED if declined else EncryptionBasis.ACCOUNT, zeros


def will_be_encrypted(
    volume: VolumeSettings, earlier: Earlier | None, parent: KnownParent | None
) -> bool:
    """Return whether the snapshot will be encrypted, as far as that is known here."""
    if earlier is not None:
        return earlier.header.encrypted
    parent_encrypted = None if parent is None else parent.encrypted
    return rules.is_to_be_encrypted(volume, parent_encrypted=parent_encrypted)
