"""How the account's puts are divided among volumes that cannot take turns at one bucket.

Pure: counts of puts and their time come in, shares go out. What one volume leaves goes to the
others, as at the bucket that the volumes of one process share.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

MEASURE_S = 1.0
"""Over which a volume's rate is counted: 100 puts at 100/s, and a share that others could use is
idle no longer than this."""

SATURATED_SHARE = 0.9
"""A volume that sends this much of its share is held by it: pacing keeps 0.5% below, and throttles
cut 5%."""

HEADROOM = 1.5
"""A volume that its source or its snapshot's quota holds keeps half as much again, so that it can
show that it is saturated, and does not by a jitter of less than a third."""

LEAST_SHARE = 0.1
"""Of an equal part, for a volume that sends nothing for now: 10 puts in the second in which it
begins anew are enough to be noticed."""


@dataclass
class _Claim:
    """What is known of one volume."""

    sent: int
    measured_s: float
    share_puts_per_s: float = math.inf
    demand_puts_per_s: float = math.inf


class FairShare:
    """Divides one ceiling among volumes by what they use; unknown ones count as saturated."""

    def __init__(self, ceiling_puts_per_s: float) -> None:
        self._ceiling = ceiling_puts_per_s
        self._claims: dict[str, _Claim] = {}

    def set_ceiling(self, ceiling_puts_per_s: float) -> None:
        """Change what is divided, from the next ``divide`` on."""
        self._ceiling = ceiling_puts_per_s

    def divide(self, now_s: float, sent: Mapping[str, int]) -> dict[str, float]:
        """Return puts per second for each volume; in sum they are the ceiling.

        Args:
            now_s: monotonic time.
            sent: attempts so far of every volume that puts, or may begin to, by its name.
        """
        claims = {
            volume: self._claims.get(volume) or _Claim(count, now_s)
            for volume, count in sent.items()
        }
        self._claims = claims
        least = LEAST_SHARE * self._ceiling / max(1, len(claims))
        for volume, claim in claims.items():
            elapsed_s = now_s - claim.measured_s
            if elapsed_s >= MEASURE_S:
                rate = (sent[volume] - claim.sent) / elapsed_s
                saturated = rate >= SATURATED_SHARE * claim.share_puts_per_s
                claim.demand_puts_per_s = math.inf if saturated else max(least, rate * HEADROOM)
                claim.sent, claim.measured_s = sent[volume], now_s
        shares = divided(
            self._ceiling, {name: each.demand_puts_per_s for name, each in claims.items()}
        )
        for volume, share in shares.items():
            claims[volume].share_puts_per_s = share
        return shares


def divided(total: float, demands: Mapping[str, float]) -> dict[str, float]:
    """Return shares whose sum is ``total``, as even as the demands allow.

    If the demands exceed the total, nobody gets more than the demand while another wants more
    (max-min fairness). If they do not, everybody gets the demand at least, and the smallest shares
    are raised to one level: small differences between demands do not turn into shares.
    """
    scarce = sum(demands.values()) > total
    shares: dict[str, float] = {}
    left, waiting = total, len(demands)
    for name, demand in sorted(demands.items(), key=lambda item: item[1], reverse=not scarce):
        level = left / waiting
        shares[name] = min(demand, level) if scarce else max(demand, level)
        left -= shares[name]
        waiting -= 1
    return shares
