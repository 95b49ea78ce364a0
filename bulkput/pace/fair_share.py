"""How the account's puts are divided among volumes that cannot take turns at one bucket.

Pure: what each uses and its time come in, shares go out. What one volume leaves goes to the others,
as at the bucket that the volumes of one process share.
"""

from collections.abc import Mapping

from bulkput.pace.demand import Demand, Use

LEAST_SHARE = 0.1
"""Of an equal part, for a volume that sends nothing for now: it begins anew with that, and is held
by it, which is noticed within a second."""


class FairShare:
    """Divides one ceiling among volumes by what they use; unknown ones want all of it."""

    def __init__(self, ceiling_puts_per_s: float) -> None:
        self._ceiling = ceiling_puts_per_s
        self._demands: dict[str, Demand] = {}

    def set_ceiling(self, ceiling_puts_per_s: float) -> None:
        """Change what is divided, from the next ``divide`` on."""
        self._ceiling = ceiling_puts_per_s

    def divide(self, now_s: float, uses: Mapping[str, Use]) -> dict[str, float]:
        """Return puts per second for each volume; in sum they are the ceiling.

        Args:
            now_s: monotonic time.
            uses: of every volume that puts, or may begin to, by its name.
        """
        self._demands = {volume: self._demands.get(volume) or Demand() for volume in uses}
        least = LEAST_SHARE * self._ceiling / max(1, len(uses))
        wanted = {
            volume: self._demands[volume].measure(now_s, use, least) for volume, use in uses.items()
        }
        return divided(self._ceiling, wanted)


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
