"""One bucket for each account: calls that run at once in an event loop share its rate.

A program that uploads three disks by three calls has no more of its account's quota than one that
uploads them by one job.
"""

import asyncio
from typing import Literal
from weakref import WeakKeyDictionary, WeakValueDictionary

from bulkput.ebs.service import Service
from bulkput.model.progress import RateLimiter
from bulkput.pace.pacer import AccountPacer

_Key = tuple[str, str, str, str, float]

_buckets: "WeakKeyDictionary[asyncio.AbstractEventLoop, WeakValueDictionary[_Key, AccountPacer]]"
_buckets = WeakKeyDictionary()
"""Those in use; a bucket belongs to one event loop, and goes with the last call that has it."""


async def account_pacer(
    service: Service,
    what: Literal["puts", "gets"],
    per_s: float,
    limiter: RateLimiter = RateLimiter.ACCOUNT_QUOTA,
) -> AccountPacer:
    """Return the bucket of the account that ``service`` signs for.

    Args:
        service: Names endpoint, Region and whose keys.
        what: Has a quota of its own.
        limiter: What the ceiling is.
        per_s: The ceiling; calls with different ones do not share.

    Raises:
        CredentialsError: there are none.
    """
    keys = await service.credentials.current()
    key = (what, service.endpoint_url, service.region, keys.access_key, per_s)
    of_loop = _buckets.setdefault(asyncio.get_running_loop(), WeakValueDictionary())
    pacer = of_loop.get(key)
    if pacer is None:
        pacer = of_loop[key] = AccountPacer(per_s, limiter)
    return pacer
