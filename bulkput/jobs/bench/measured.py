"""What was measured on a host: data."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Putting:
    """Puts of one snapshot to a sink on this host."""

    processes: int
    puts_per_s: float
    cpu_s_per_put: float
    """Of the uploading processes, without their start."""
    sink_cpu_s_per_put: float
    """Of the sink, which takes the place of the service on this host."""
    idle_processors: float
    """Of those that may be used, what nobody used meanwhile."""


@dataclass(frozen=True)
class Reading:
    """How fast a source is read."""

    source: str
    direct_bytes_per_s: float | None
    """Past the page cache; None where there is no way past it, as of an object in S3."""
    cached_bytes_per_s: float
    """As an upload reads it, decoded, of what was read just before."""


@dataclass(frozen=True)
class Connecting:
    """How far an endpoint is, unauthenticated; medians of some connections."""

    endpoint: str
    connect_s: float
    handshake_s: float | None
    """None over plain http."""
    first_byte_s: float


@dataclass(frozen=True)
class Processor:
    """What one processor does with bytes in memory, a second."""

    memory_bytes_per_s: float
    zero_scan_bytes_per_s: float
    sha256_bytes_per_s: float
    tls_bytes_per_s: float


@dataclass(frozen=True)
class Measured:
    """All of it."""

    processors: int
    """That may be used."""
    load: float
    """Average of the last minute, before the measurement."""
    processor: Processor
    start_s: float
    """Of an upload of one block, from the program's start to its end."""
    putting: tuple[Putting, ...]
    """First by one process."""
    reading: Reading | None = None
    connecting: Connecting | None = None
    host: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the documented JSON object."""
        return {
            "host": self.host,
            "processors": self.processors,
            "load": round(self.load, 2),
            "start_s": round(self.start_s, 3),
            **{name: round(rate) for name, rate in vars(self.processor).items()},
            "puts": [_rounded(vars(each)) for each in self.putting],
            "source": self.reading and _rounded(vars(self.reading)),
            "endpoint": self.connecting and _rounded(vars(self.connecting)),
        }


def _rounded(facts: dict[str, Any]) -> dict[str, Any]:
    """Return what is measured in s with microseconds, and rates with a decimal."""
    return {
        name: round(fact, 1 if name.endswith("per_s") else 6) if isinstance(fact, float) else fact
        for name, fact in facts.items()
    }
