"""What measurements mean: the bottleneck, puts a second, hours a TiB, and what to change. Pure."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bulkput.jobs.bench.measured import Measured, Putting
from bulkput.jobs.session.rate_limits import RateLimits
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.pace.lanes import IDLE_PROCESSORS_MIN

_TIB_BLOCKS = (1 << 40) // BLOCK_SIZE_BYTES

_FAR_S = 0.02
"""Within a Region a connection takes one or two milliseconds; the nearest other Region is 10 to 20
away."""

_GAIN_MIN = 1.08
"""Rounds of one measurement differ by half of that; `bulkput.pace.lanes` goes by the same."""

_LOAD_SHARE = 0.5
"""Of the processors: other programs with more than that have taken part of what was measured."""

_SLOW_MEMORY_BYTES_PER_S = 2e9
"""A put moves its block about three times; at the quota that is 1.5 GB/s."""


class Bottleneck(StrEnum):
    """What holds one upload back."""

    SOURCE = "source"
    PROCESSOR = "processor"
    QUOTA = "quota"


@dataclass(frozen=True)
class Verdict:
    """What can be said of uploads on the host."""

    bottleneck: Bottleneck
    snapshot_puts_per_s: float
    """Of one snapshot."""
    all_puts_per_s: float
    """Of several at once."""
    host_snapshot_puts_per_s: float
    """The first, if neither the source nor a quota held it back."""
    host_all_puts_per_s: float
    sentence: str
    """What the bottleneck is."""
    advice: tuple[str, ...]
    """What to change, the most useful first; empty if nothing would help."""

    @property
    def tib_s(self) -> float:
        """How long 1 TiB of data takes as one snapshot."""
        return _TIB_BLOCKS / self.snapshot_puts_per_s

    def as_dict(self) -> dict[str, Any]:
        """Return the documented JSON object."""
        return {
            "bottleneck": str(self.bottleneck),
            "puts_per_s_snapshot": round(self.snapshot_puts_per_s, 1),
            "puts_per_s_several": round(self.all_puts_per_s, 1),
            "host_puts_per_s_snapshot": round(self.host_snapshot_puts_per_s, 1),
            "host_puts_per_s_several": round(self.host_all_puts_per_s, 1),
            "tib_s": round(self.tib_s),
            "verdict": self.sentence,
            "advice": list(self.advice),
        }


@dataclass(frozen=True)
class _Case:
    """What sentences and advice are made from."""

    measured: Measured
    limits: RateLimits
    one: Putting
    auto: Putting
    """With as many processes as an upload takes by itself."""
    best: Putting
    source_puts_per_s: float
    bottleneck: Bottleneck


def verdict_of(measured: Measured, limits: RateLimits) -> Verdict:
    """Return what ``measured`` means under these quotas."""
    one = measured.putting[0]
    best = max(measured.putting, key=lambda each: each.puts_per_s)
    # An upload takes another process only where processors have nothing to do.
    auto = best if one.idle_processors >= IDLE_PROCESSORS_MIN else one
    source_puts_per_s = _source_puts_per_s(measured)
    by_cause = {
        Bottleneck.QUOTA: min(limits.snapshot_puts_per_s, limits.account_puts_per_s),
        Bottleneck.SOURCE: source_puts_per_s,
        Bottleneck.PROCESSOR: auto.puts_per_s,
    }
    bottleneck = min(by_cause, key=by_cause.__getitem__)
    case = _Case(measured, limits, one, auto, best, source_puts_per_s, bottleneck)
    return Verdict(
        bottleneck=bottleneck,
        snapshot_puts_per_s=max(by_cause[bottleneck], 1e-3),
        all_puts_per_s=max(
            min(limits.account_puts_per_s, source_puts_per_s, best.puts_per_s), 1e-3
        ),
        host_snapshot_puts_per_s=auto.puts_per_s,
        host_all_puts_per_s=best.puts_per_s,
        sentence=_SENTENCES[bottleneck](case),
        advice=tuple(text for advise in _ADVICE if (text := advise(case)) is not None),
    )


def _source_puts_per_s(measured: Measured) -> float:
    """Return what the source can feed; infinite where none was measured."""
    if measured.reading is None:
        return math.inf
    found = measured.reading.direct_bytes_per_s
    speed = measured.reading.cached_bytes_per_s if found is None else found
    # A decoder may be slower than the disk; a cache that is slower than the disk is noise.
    return min(speed, measured.reading.cached_bytes_per_s) / BLOCK_SIZE_BYTES


def _of_source(case: _Case) -> str:
    return (
        f"The source is the bottleneck: it feeds {case.source_puts_per_s:,.0f} puts/s, and this "
        f"host could put {case.auto.puts_per_s:,.0f}/s."
    )


def _of_processor(case: _Case) -> str:
    quota = _least_quota(case)
    many = "one process" if case.auto.processes == 1 else f"{case.auto.processes} processes"
    return (
        f"The processor is the bottleneck: {many} put {case.auto.puts_per_s:,.0f}/s of the "
        f"{quota:,g}/s that one snapshot may have, at {1000 * case.auto.cpu_s_per_put:.2f} ms of "
        "processor time a put."
    )


def _of_quota(case: _Case) -> str:
    return (
        f"The service's quota is the bottleneck: {_least_quota(case):,g} puts/s for "
        f"one snapshot. This host could put {case.auto.puts_per_s:,.0f}/s."
    )


_SENTENCES: dict[Bottleneck, Callable[[_Case], str]] = {
    Bottleneck.SOURCE: _of_source,
    Bottleneck.PROCESSOR: _of_processor,
    Bottleneck.QUOTA: _of_quota,
}


def _faster_source(case: _Case) -> str | None:
    if case.bottleneck is not Bottleneck.SOURCE:
        return None
    needed = case.limits.snapshot_puts_per_s * BLOCK_SIZE_BYTES / 1e6
    return (
        f"Read from a faster disk: one snapshot at its quota takes {needed:,.0f} MB/s (gp3 volumes "
        "give 125 MB/s unless more is bought; instance storage gives more)"
    )


def _more_processes(case: _Case) -> str | None:
    one, best = case.one, case.best
    if best.puts_per_s < _GAIN_MIN * one.puts_per_s or one.puts_per_s >= _least_quota(case):
        return None
    if case.auto is best:
        return (
            f"Leave processes at auto: {best.processes} of them put {best.puts_per_s:,.0f}/s, one "
            f"{one.puts_per_s:,.0f}/s"
        )
    return (
        f"Set --processes {best.processes} (tuning.processes): that puts {best.puts_per_s:,.0f}/s "
        f"instead of {one.puts_per_s:,.0f}/s. auto takes one, as other programs leave no processor"
    )


def _larger_instance(case: _Case) -> str | None:
    quota = _least_quota(case)
    if case.best.puts_per_s >= quota:
        return None
    needed = math.ceil(quota * case.best.cpu_s_per_put)
    if needed <= case.measured.processors:
        return None
    return (
        f"Take an instance with more processors: {quota:,g} puts/s need {needed} like these, and "
        f"there are {case.measured.processors}"
    )


def _less_load(case: _Case) -> str | None:
    if case.measured.load <= _LOAD_SHARE * case.measured.processors:
        return None
    return (
        f"Measure again on an idle host: the load was {case.measured.load:.1f} on "
        f"{case.measured.processors} processors"
    )


def _closer_region(case: _Case) -> str | None:
    connecting = case.measured.connecting
    if connecting is None or connecting.connect_s < _FAR_S:
        return None
    return (
        f"Run in the Region of the snapshot: a connection takes {1000 * connecting.connect_s:.0f} "
        "ms, within a Region one or two"
    )


def _slow_memory(case: _Case) -> str | None:
    speed = case.measured.processor.memory_bytes_per_s
    if speed >= _SLOW_MEMORY_BYTES_PER_S:
        return None
    return f"Take another instance type: memory is copied at {speed / 1e9:.1f} GB/s only"


def _higher_quota(case: _Case) -> str | None:
    account = case.limits.account_puts_per_s
    if case.bottleneck is not Bottleneck.QUOTA or case.best.puts_per_s < _GAIN_MIN * account:
        return None
    return (
        f"For several snapshots at once, ask for a higher account quota (L-AFAE1BE8): this host "
        f"can put {case.best.puts_per_s:,.0f}/s, and {account:,g}/s are allowed"
    )


_ADVICE: tuple[Callable[[_Case], str | None], ...] = (
    _faster_source,
    _more_processes,
    _larger_instance,
    _closer_region,
    _higher_quota,
    _slow_memory,
    _less_load,
)


def _least_quota(case: _Case) -> float:
    return min(case.limits.snapshot_puts_per_s, case.limits.account_puts_per_s)
