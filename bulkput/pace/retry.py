"""Whether and when a failed call is repeated: one table over the classes of failure.

Decides delays only. Fresh credentials, a second hash, and the deadline of the operation are the
caller's; so is the rate, which the pacer lowers when it learns of a throttle.
"""

from collections.abc import Mapping
from random import Random
from types import MappingProxyType
from typing import NamedTuple

from bulkput.model.failure import FailureClass

_DOUBLINGS_MAX = 32
"""Keeps ``2 ** n`` a small number after thousands of attempts; every cap is reached long before."""


class RetryPolicy(NamedTuple):
    """How calls that failed in one way are repeated.

    The delay after attempt ``n`` is drawn evenly from zero to ``min(cap, base * 2 ** (n - 1))``
    and raised to ``floor``: full jitter, applied after the cap so that it never vanishes there
    ("Exponential Backoff And Jitter", AWS Architecture Blog).
    """

    base_s: float
    cap_s: float
    floor_s: float = 0.0
    attempts_max: int | None = None
    """Attempts in all, the first one included; None leaves the end to the operation's deadline."""
    within_s: float | None = None
    """No repeat starts later than this, counted as ``elapsed_s`` is."""

    def delay_s(self, attempt: int, elapsed_s: float, rng: Random) -> float | None:
        """Return the delay after failed attempt number ``attempt`` (from 1), or None to give up."""
        if self.attempts_max is not None and attempt >= self.attempts_max:
            return None
        doublings = min(max(attempt - 1, 0), _DOUBLINGS_MAX)
        delay_s = max(self.floor_s, rng.random() * min(self.cap_s, self.base_s * 2.0**doublings))
        if self.within_s is not None and elapsed_s + delay_s > self.within_s:
            return None
        return delay_s


POLICIES: Mapping[FailureClass, RetryPolicy | None] = MappingProxyType(
    {
        # A reset or a 5xx is mostly over at once; 5 s spreads 100 puts in flight to 20 a second
        # when the service is really down.
        FailureClass.TRANSIENT: RetryPolicy(base_s=0.1, cap_s=5.0),
        # Most likely a mistake, perhaps a service that is just starting. With 5 s to connect, three
        # attempts end within 30 s, and their two lines leave the whole below ten.
        FailureClass.UNREACHABLE: RetryPolicy(
            base_s=2.0, cap_s=5.0, floor_s=1.0, attempts_max=3, within_s=20.0
        ),
        FailureClass.NO_SUCH_HOST: RetryPolicy(
            base_s=1.0, cap_s=2.0, floor_s=0.5, attempts_max=3, within_s=20.0
        ),
        FailureClass.PROXY_REFUSED: None,
        FailureClass.STALLED: RetryPolicy(base_s=0.1, cap_s=5.0),
        # The pacer has slowed the bucket already; the delay only parts puts that failed together.
        FailureClass.THROTTLED_ACCOUNT: RetryPolicy(base_s=0.1, cap_s=5.0),
        FailureClass.THROTTLED_SNAPSHOT: RetryPolicy(base_s=0.1, cap_s=5.0),
        # "Retry for up to 2 minutes" is the EBS team's advice; an upload got through after 56 s.
        # Every put in flight meets the 404 at once: the floor keeps that to a few puts a second.
        FailureClass.NOT_YET_VISIBLE: RetryPolicy(
            base_s=0.5, cap_s=4.0, floor_s=0.25, within_s=120.0
        ),
        # Read and hashed again each time: a second change may be chance, a third is a live disk.
        FailureClass.CHECKSUM_MISMATCH: RetryPolicy(base_s=0.05, cap_s=0.5, attempts_max=3),
        # Once: what new credentials and the server's time do not cure, a third attempt will not.
        FailureClass.SIGNATURE: RetryPolicy(base_s=0.05, cap_s=0.05, attempts_max=2),
        # Undocumented triggers: five attempts wait 3 s at most, enough for a passing conflict.
        FailureClass.UNDOCUMENTED: RetryPolicy(base_s=0.2, cap_s=5.0, attempts_max=5),
        # 100 pending snapshots: one must end first, which takes minutes. 10 min is the shortest
        # Timeout after which the service itself ends an idle one.
        FailureClass.CONCURRENT_LIMIT: RetryPolicy(
            base_s=60.0, cap_s=120.0, floor_s=30.0, within_s=600.0
        ),
        FailureClass.ACCESS_DENIED: None,
        FailureClass.KEY_UNUSABLE: None,
        FailureClass.INVALID: None,
        FailureClass.CONFLICT: None,
        FailureClass.GONE: None,
        FailureClass.QUOTA: None,
    }
)
"""Every class has a row; None ends the call at once."""


def decide(failure: FailureClass, attempt: int, elapsed_s: float, rng: Random) -> float | None:
    """Return the delay before the next attempt in seconds, or None to give up.

    Args:
        failure: what the last attempt met.
        attempt: attempts made so far, from 1.
        elapsed_s: since the call's first attempt; for ``NOT_YET_VISIBLE`` since the snapshot's
            start.
        rng: where the jitter comes from.
    """
    policy = POLICIES[failure]
    return None if policy is None else policy.delay_s(attempt, elapsed_s, rng)
