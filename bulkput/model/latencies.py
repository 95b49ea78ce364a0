"""How long calls took: a histogram of fixed size, whatever the number of calls.

The buckets are those of HdrHistogram with four bits: equal steps up to 3.2 ms, then 16 to each
doubling, so a percentile is at most 6% above the true one. Counts only grow; whoever wants those
of an interval takes the difference of two copies, so that several may look without meeting.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

UNIT_S = 0.0001
"""A tenth of what the fastest answer of a service in the same Region takes."""

_BITS = 4
LATENCY_MAX_S = 900.0
"""As the default of operation_deadline; what took longer counts as this."""

_UNITS_MAX = round(LATENCY_MAX_S / UNIT_S)


def _bucket(units: int) -> int:
    shift = units.bit_length() - _BITS - 1
    return units if shift <= 0 else (shift << _BITS) + (units >> shift)


_BUCKET_COUNT = _bucket(_UNITS_MAX) + 1


def bucket_end_s(bucket: int) -> float:
    """Return the upper end of ``bucket``, which is the least latency that is not in it."""
    if bucket < 2 << _BITS:
        return (bucket + 1) * UNIT_S
    shift = (bucket >> _BITS) - 1
    return (((bucket & ((1 << _BITS) - 1)) + (1 << _BITS) + 1) << shift) * UNIT_S


def _no_counts() -> list[int]:
    return [0] * _BUCKET_COUNT


@dataclass
class Latencies:
    """Latencies of calls that succeeded. Written from one event loop, read from any thread."""

    counts: list[int] = field(default_factory=_no_counts, repr=False)
    """By bucket."""
    total_s: float = 0.0

    def record(self, latency_s: float) -> None:
        """Count one call. Costs half a microsecond, a thousandth of what a put does."""
        units = int(latency_s / UNIT_S)
        if units >= _UNITS_MAX:
            units = _UNITS_MAX
        elif units < 0:
            units = 0
        shift = units.bit_length() - _BITS - 1
        self.counts[units if shift <= 0 else (shift << _BITS) + (units >> shift)] += 1
        self.total_s += latency_s

    @property
    def count(self) -> int:
        """How many calls there were."""
        return sum(self.counts)

    def copy(self) -> "Latencies":
        """Return the counts as they are now."""
        return Latencies(self.counts.copy(), self.total_s)

    def since(self, earlier: "Latencies") -> "Latencies":
        """Return the calls after ``earlier``, a copy of these counts."""
        return Latencies(
            [now - then for now, then in zip(self.counts, earlier.counts, strict=True)],
            self.total_s - earlier.total_s,
        )

    def percentiles_s(self, shares: Sequence[float]) -> list[float] | None:
        """Return for each share (0.5: the median), ascending, what so many calls did not exceed.

        Returns:
            The upper ends of buckets; None without calls.
        """
        count = self.count
        if not count:
            return None
        found: list[float] = []
        passed = 0
        for bucket, here in enumerate(self.counts):
            passed += here
            while len(found) < len(shares) and here and passed >= shares[len(found)] * count:
                found.append(bucket_end_s(bucket))
        return found

    def at_most(self, limits_s: Sequence[float]) -> list[int]:
        """Return for each limit, ascending, how many calls took no longer, to a bucket's width."""
        found, passed, bucket = [], 0, 0
        for limit_s in limits_s:
            while bucket < len(self.counts) and bucket_end_s(bucket) <= limit_s * (1 + 1e-9):
                passed += self.counts[bucket]
                bucket += 1
            found.append(passed)
        return found


def merged(several: Iterable[Latencies]) -> Latencies:
    """Return the calls of all: of the volumes of a job, in whichever process each runs."""
    all_of_them = list(several)
    if not all_of_them:
        return Latencies()
    return Latencies(
        [sum(counts) for counts in zip(*(each.counts for each in all_of_them), strict=True)],
        sum(each.total_s for each in all_of_them),
    )
