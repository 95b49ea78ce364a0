"""Which empty blocks are put: the zero policy, resolved for one snapshot. Pure.

Owns the rule that an encrypted snapshot gets every block: a block that was never put is decrypted
on reading like any other, and decrypted zeros are noise. Knows no parent: beside one, a block may
be left out only where the parent shows the same, which no policy can know.
"""

from typing import NamedTuple

from bulkput.model.errors import ConfigError, Problem
from bulkput.model.zeros import ZeroPolicy


class ResolvedZeros(NamedTuple):
    """What a policy comes down to."""

    policy: ZeroPolicy
    """Never ``auto``."""
    put_holes: bool
    """Put the holes that the file system reports."""
    put_zeros: bool
    """Put zeros that were written."""
    reason: str
    """One sentence for the user."""

    def skips(self, *, is_hole: bool) -> bool:
        """Return whether empty blocks, of a hole or written, may be left out."""
        return not (self.put_holes if is_hole else self.put_zeros)


_SKIPPED = "the snapshot reads as zeros there only as long as it stays unencrypted"

_RESOLVED: dict[ZeroPolicy, ResolvedZeros] = {
    ZeroPolicy.WRITE: ResolvedZeros(
        ZeroPolicy.WRITE,
        put_holes=True,
        put_zeros=True,
        reason="Every block is put, empty ones too.",
    ),
    ZeroPolicy.SKIP_HOLES: ResolvedZeros(
        ZeroPolicy.SKIP_HOLES,
        put_holes=False,
        put_zeros=True,
        reason=f"Holes are skipped and written zeros are put: {_SKIPPED}.",
    ),
    ZeroPolicy.SKIP: ResolvedZeros(
        ZeroPolicy.SKIP,
        put_holes=False,
        put_zeros=False,
        reason=f"Holes and blocks of zeros are skipped: {_SKIPPED}.",
    ),
}

_ENCRYPTED = "unwritten blocks of an encrypted volume read as noise"


_LEFT_OUT = "Blocks that the source snapshot does not have are left out: it is encrypted, so that"
_NOISE_STAYS_NOISE = ResolvedZeros(
    ZeroPolicy.SKIP_HOLES,
    put_holes=False,
    put_zeros=True,
    reason=f"{_LEFT_OUT} they read as noise there, as they do here.",
)
_NOISE_BECOMES_ZEROS = _RESOLVED[ZeroPolicy.SKIP]._replace(
    reason=f"{_LEFT_OUT} they read as noise there, and as zeros here; so are blocks of zeros: "
    f"{_SKIPPED}."
)


def resolve_zero_policy(
    requested: ZeroPolicy, *, encrypted: bool, unwritten_is_undefined: bool = False
) -> ResolvedZeros:
    """Return which empty blocks are put.

    Args:
        requested: As configured.
        encrypted: The snapshot is encrypted or will be: by the request, by the account's default
            (StartSnapshot's answer has a KmsKeyArn or SseType), or by a later step.
        unwritten_is_undefined: Nobody can rely on what the source's holes read as: it is an
            encrypted snapshot, and they are the blocks that it never had.

    Raises:
        ConfigError: blocks of an encrypted snapshot would be skipped.
    """
    if unwritten_is_undefined and requested is ZeroPolicy.AUTO:
        return _NOISE_STAYS_NOISE if encrypted else _NOISE_BECOMES_ZEROS
    if not encrypted:
        return _RESOLVED[ZeroPolicy.SKIP if requested is ZeroPolicy.AUTO else requested]
    if not _RESOLVED.get(requested, _RESOLVED[ZeroPolicy.WRITE]).put_holes:
        what = f"{requested} would damage this snapshot: it is encrypted, and {_ENCRYPTED}"
        raise ConfigError((Problem("zeros", f"{what}; expected auto or write"),))
    reason = f"Every block is put, empty ones too: the snapshot is encrypted, and {_ENCRYPTED}."
    return _RESOLVED[ZeroPolicy.WRITE]._replace(reason=reason)
