"""What the pacing cases share: an upload against an emulator whose limits change on a schedule.

Owns the run and its samples. What a run must reach is each case's own.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.bench import Bench
from benchmarks.measure.process import Child, ChildFailedError, cpu_s
from benchmarks.measure.series import Sample
from benchmarks.report.result import Figure
from benchmarks.servers.emulator import Emulator

_SAMPLE_S = 0.25
_FIRST_PUT_TIMEOUT_S = 30.0

SLACK = 1.2
"""Sources have this many times the blocks that the quota lets through, so that none runs out."""

ZEROS_CAVEAT = (
    "The source is one hole and every block is put (--zeros write): 30 GiB would otherwise be "
    "read, hashed and stored beside the measurement. This measures the pacing, not what puts cost."
)
EMULATOR_CAVEAT = (
    "The emulator is a Python program that shares the machine's cores with the client."
)


@dataclass(frozen=True)
class Step:
    """A change of the emulator, so many seconds after the first accepted put."""

    at_s: float
    change: Callable[[Emulator], None]


@dataclass(frozen=True)
class PacedRun:
    """Samples from the first accepted put (second 0) to the end of the observation."""

    samples: tuple[Sample, ...]
    changed_at_s: tuple[float, ...]
    """When each step of the schedule really happened."""
    stored_by_snapshot: tuple[int, ...]
    """Blocks stored at the end, one number a snapshot."""
    client_cores: float
    """CPU seconds of the client per second of the observation."""
    emulator_cores: float
    """The same of the emulator: near 1 it is what limits the rate."""
    emulator_stats: dict[str, Any]
    """The emulator's own counters at the end."""

    def as_dict(self) -> dict[str, Any]:
        """Return what is kept of the run."""
        return asdict(self)

    @property
    def load_figures(self) -> tuple[Figure, ...]:
        """Who was busy: what to look at when a rate is not reached."""
        return (
            Figure("cores busy, bulkput", self.client_cores, ""),
            Figure("cores busy, emulator", self.emulator_cores, ""),
        )


def observe(
    bench: Bench,
    emulator: Emulator,
    command: Sequence[str],
    *,
    duration_s: float,
    steps: Sequence[Step] = (),
) -> PacedRun:
    """Run ``command`` against ``emulator`` and count for ``duration_s``, then end it.

    Raises:
        ChildFailedError: no put was accepted, or the client ended before the time was over.
    """
    with bench.start(command, "bulkput") as child:
        began_s, first = _first_put(child, emulator)
        samples, changed_at_s = [first], []
        client_cpu_s, emulator_cpu_s = cpu_s(child.pid), cpu_s(emulator.pid)
        pending = list(steps)
        while samples[-1].at_s < duration_s:
            if pending and samples[-1].at_s >= pending[0].at_s:
                pending.pop(0).change(emulator)
                changed_at_s.append(time.monotonic() - began_s)
            if child.ended_within(_SAMPLE_S):
                ended = f"bulkput ended after {samples[-1].at_s:.0f} s"
                status = child.usage.exit_status
                raise ChildFailedError(f"{ended} (exit {status}): {child.last_output()}")
            samples.append(emulator.sample(began_s))
        observed_s = samples[-1].at_s
        client_cpu_s = cpu_s(child.pid) - client_cpu_s
        emulator_cpu_s = cpu_s(emulator.pid) - emulator_cpu_s
        stats = emulator.stats()
        stored = emulator.stored_by_snapshot()
    return PacedRun(
        samples=tuple(samples),
        changed_at_s=tuple(changed_at_s),
        stored_by_snapshot=stored,
        client_cores=client_cpu_s / observed_s,
        emulator_cores=emulator_cpu_s / observed_s,
        emulator_stats=stats,
    )


def _first_put(child: Child, emulator: Emulator) -> tuple[float, Sample]:
    """Return the monotonic second of the first accepted put, and the sample taken there."""
    deadline_s = time.monotonic() + _FIRST_PUT_TIMEOUT_S
    while time.monotonic() < deadline_s:
        began_s = time.monotonic()
        sample = emulator.sample(began_s)
        if sample.accepted > 0:
            return began_s, sample
        if child.ended_within(_SAMPLE_S / 5):
            break
    raise ChildFailedError(f"no put was accepted: {child.last_output()}")
