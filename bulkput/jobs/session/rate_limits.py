"""How many puts and gets a second are allowed: as configured, else the quota or the default."""

from typing import TYPE_CHECKING, NamedTuple

from bulkput.config.tuning import TuningSettings
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.progress import RateLimiter

if TYPE_CHECKING:
    from bulkput.ebs.service import Service  # 0.4 s of imports that only a caller of it pays

RATE_DEFAULT_PUTS_PER_S = 1000.0
"""The service's published quota, for one snapshot (Service Quotas L-1774F84A, not adjustable) and
for one account (L-AFAE1BE8, in most Regions)."""


RATE_DEFAULT_GETS_PER_S = 1000.0
"""The same for gets (Service Quotas L-028ACFB9 and L-C125AE42)."""


class RateLimits(NamedTuple):
    """Puts a second."""

    snapshot_puts_per_s: float
    account_puts_per_s: float
    snapshot_limiter: RateLimiter = RateLimiter.SNAPSHOT_QUOTA
    account_limiter: RateLimiter = RateLimiter.ACCOUNT_QUOTA


async def find_rate_limits(tuning: TuningSettings, service: "Service") -> RateLimits:
    """Return the rate limits; Service Quotas is asked only for what the user leaves open."""
    snapshot, account = tuning.puts_per_s_snapshot, tuning.puts_per_s_account
    if snapshot is None or account is None:
        quotas = await service.put_quotas()
        snapshot = snapshot or quotas.snapshot_puts_per_s
        account = account or quotas.account_puts_per_s
    return _rate_limits(snapshot, account, tuning)


def configured_rate_limits(tuning: TuningSettings) -> RateLimits:
    """Return the rate limits as they are known without asking anybody."""
    return _rate_limits(tuning.puts_per_s_snapshot, tuning.puts_per_s_account, tuning)


def _rate_limits(
    snapshot: float | None, account: float | None, tuning: TuningSettings
) -> RateLimits:
    """Return the rate limits; a limit in bytes becomes one in puts, which all have one size."""
    account = account or RATE_DEFAULT_PUTS_PER_S
    if tuning.puts_per_s_account is None:
        account *= tuning.quota_share
    is_snapshot = tuning.puts_per_s_snapshot is not None
    is_account = tuning.puts_per_s_account is not None
    if tuning.bytes_per_s is not None:
        of_bytes = tuning.bytes_per_s / BLOCK_SIZE_BYTES
        account, is_account = min(account, of_bytes), is_account or of_bytes < account
    return RateLimits(
        snapshot or RATE_DEFAULT_PUTS_PER_S,
        account,
        limiter_of(RateLimiter.SNAPSHOT_QUOTA, is_configured=is_snapshot),
        limiter_of(RateLimiter.ACCOUNT_QUOTA, is_configured=is_account),
    )


def limiter_of(quota: RateLimiter, *, is_configured: bool) -> RateLimiter:
    """Return what a rate is."""
    return RateLimiter.CONFIGURATION if is_configured else quota


class GetRateLimits(NamedTuple):
    """Gets a second."""

    snapshot_gets_per_s: float = RATE_DEFAULT_GETS_PER_S
    account_gets_per_s: float = RATE_DEFAULT_GETS_PER_S
    snapshot_limiter: RateLimiter = RateLimiter.SNAPSHOT_QUOTA
    account_limiter: RateLimiter = RateLimiter.ACCOUNT_QUOTA


GET_RATE_LIMITS_DEFAULT = GetRateLimits()


async def find_get_rate_limits(tuning: TuningSettings, service: "Service") -> GetRateLimits:
    """Return the rate limits; Service Quotas is asked only for what the user leaves open."""
    snapshot, account = tuning.gets_per_s_snapshot, tuning.gets_per_s_account
    if snapshot is None or account is None:
        quotas = await service.get_quotas()
        snapshot = snapshot or quotas.snapshot_gets_per_s
        account = account or quotas.account_gets_per_s
    is_snapshot = tuning.gets_per_s_snapshot is not None
    is_account = tuning.gets_per_s_account is not None
    account = account or RATE_DEFAULT_GETS_PER_S
    if not is_account:
        account *= tuning.quota_share
    return GetRateLimits(
        snapshot or RATE_DEFAULT_GETS_PER_S,
        account,
        limiter_of(RateLimiter.SNAPSHOT_QUOTA, is_configured=is_snapshot),
        limiter_of(RateLimiter.ACCOUNT_QUOTA, is_configured=is_account),
    )
