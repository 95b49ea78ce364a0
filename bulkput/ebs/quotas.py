"""What the account may put and get a second, as Service Quotas reports it.

A convenience: an account whose roles may not ask, or a Region without an answer, gets None and
works by the published defaults.
"""

import asyncio
from typing import NamedTuple, Protocol

from bulkput.ebs.advice import PENDING_SNAPSHOTS_QUOTA, QUOTA_CODES
from bulkput.ebs.api_client import ApiClient, ApiService

_SERVICE_CODE = "ebs"
_LIMIT_S = 2.0
"""For both questions: the first put shall not wait longer for what has a default."""


class PutQuotas(NamedTuple):
    """Puts a second; None where the account does not show it."""

    snapshot_puts_per_s: float | None
    account_puts_per_s: float | None


class GetQuotas(NamedTuple):
    """Gets a second; None where the account does not show it."""

    snapshot_gets_per_s: float | None
    account_gets_per_s: float | None


class OpenClient(Protocol):
    """Makes a client of a service."""

    def __call__(self, name: str | ApiService, region: str | None = None) -> ApiClient:
        """Return the client, in the Region of the run or in another."""
        ...


async def read_put_quotas(open_client: OpenClient) -> PutQuotas:
    """Ask for the quotas of PutSnapshotBlock; never raises for want of an answer."""
    return PutQuotas(*await _read_both(open_client, "PutSnapshotBlock"))


async def read_get_quotas(open_client: OpenClient) -> GetQuotas:
    """Ask for the quotas of GetSnapshotBlock; never raises for want of an answer."""
    return GetQuotas(*await _read_both(open_client, "GetSnapshotBlock"))


async def read_pending_quota(open_client: OpenClient) -> float | None:
    """Ask how many pending snapshots the account may have; None for want of an answer."""
    try:
        async with asyncio.timeout(_LIMIT_S):
            return await _read(open_client("service-quotas"), PENDING_SNAPSHOTS_QUOTA)
    except Exception:  # noqa: BLE001 - whatever it is, the default holds
        return None


async def _read_both(open_client: OpenClient, operation: str) -> tuple[float | None, float | None]:
    """Return the quota of one snapshot and the account's."""
    account_code, snapshot_code = QUOTA_CODES[operation]
    try:
        async with asyncio.timeout(_LIMIT_S):
            client = open_client("service-quotas")
            # One after the other: a proxy that refuses the first way is not asked for a second,
            # because refusals are counted, and lock accounts.
            snapshot = await _read(client, snapshot_code)
            account = await _read(client, account_code)
    except Exception:  # noqa: BLE001 - whatever it is, the defaults hold
        return None, None
    return snapshot, account


async def _read(client: ApiClient, code: str) -> float | None:
    try:
        wanted = {"ServiceCode": _SERVICE_CODE, "QuotaCode": code}
        answer = await client.call("GetServiceQuota", wanted)
        value = float(answer["Quota"]["Value"])
    except Exception:  # noqa: BLE001 - one that may not be read leaves the other
        return None
    return value if value > 0 else None
