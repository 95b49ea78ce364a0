"""How many puts a second are allowed: what the user says, else the quota, else the default."""

from typing import TYPE_CHECKING, NamedTuple

from bulkput.config.tuning import TuningSettings

if TYPE_CHECKING:
    from bulkput.ebs.service import Service  # 0.4 s of imports that only a caller of it pays

RATE_DEFAULT_PUTS_PER_S = 1000.0
"""The service's published quota, for one snapshot (Service Quotas L-1774F84A, not adjustable) and
for one account (L-AFAE1BE8, in most Regions)."""


class Ceilings(NamedTuple):
    """Puts a second."""

    snapshot_puts_per_s: float
    account_puts_per_s: float


async def find_ceilings(tuning: TuningSettings, service: "Service") -> Ceilings:
    """Return the ceilings; Service Quotas is asked only for what the user leaves open."""
    snapshot, account = tuning.puts_per_s_snapshot, tuning.puts_per_s_account
    if snapshot is None or account is None:
        quotas = await service.put_quotas()
        snapshot = snapshot or quotas.snapshot_puts_per_s
        account = account or quotas.account_puts_per_s
    return Ceilings(snapshot or RATE_DEFAULT_PUTS_PER_S, account or RATE_DEFAULT_PUTS_PER_S)


def stated_ceilings(tuning: TuningSettings) -> Ceilings:
    """Return the ceilings as they are known without asking anybody."""
    return Ceilings(
        tuning.puts_per_s_snapshot or RATE_DEFAULT_PUTS_PER_S,
        tuning.puts_per_s_account or RATE_DEFAULT_PUTS_PER_S,
    )
