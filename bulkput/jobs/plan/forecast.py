"""What an upload will put, and what that costs in dollars and minutes: data and its arithmetic.

Pure: the counts, the rates and the price are the caller's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bulkput.jobs.session.rate_limits import RateLimits
from bulkput.jobs.state.host_speed import HostSpeed
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.exit_code import ExitCode
from bulkput.pipeline.survey import Tally
from bulkput.planning.cost import put_duration_s, put_price_usd
from bulkput.planning.zeros import ResolvedZeros
from bulkput.publish.price import LaterStep


class EncryptionBasis(StrEnum):
    """Where it is known from whether the snapshot is encrypted."""

    REQUESTED = "requested"
    """The settings ask for it."""
    DECLINED = "declined"
    """The settings have ``encrypted: false``."""
    SNAPSHOT = "snapshot"
    """An earlier run started the snapshot and knows it."""
    PARENT = "parent"
    """A child is encrypted as its parent, whose manifest records it."""
    ACCOUNT = "account"
    """The account's default decides, which StartSnapshot's answer shows: assumed to be off."""


@dataclass(frozen=True)
class Cost:
    """What a number of puts costs."""

    puts: int
    price_usd: float
    time_at_quota_s: float
    time_on_host_s: float | None = None
    """At what this host was measured to reach, and the quota allows; None if it never was."""

    def as_dict(self) -> dict[str, Any]:
        """Return the documented JSON object."""
        return {
            "puts": self.puts,
            "price_usd": round(self.price_usd, 6),
            "time_at_quota_s": round(self.time_at_quota_s, 3),
            "time_on_this_host_s": self.time_on_host_s and round(self.time_on_host_s, 3),
        }


@dataclass(frozen=True)
class Rates:
    """What the forecast goes by."""

    rate_limits: RateLimits
    are_published: bool
    """The rate_limits are not configured: the service's published ones are taken."""
    usd_per_thousand_puts: float
    parallel: int
    host: HostSpeed | None = None
    """As ``bulkput bench`` measured it."""

    def cost(self, puts: Sequence[int]) -> Cost:
        """Return the cost of volumes with so many puts each: at least what each bucket takes."""
        total, snapshot = sum(puts), self.rate_limits.snapshot_puts_per_s
        together, largest = max(1, min(self.parallel, len(puts))), max(puts, default=0)
        at_quota_s = max(
            put_duration_s(total, self.rate_limits.account_puts_per_s),
            put_duration_s(total, snapshot * together),
            put_duration_s(largest, snapshot),
        )
        on_host_s = None
        if self.host is not None:
            alone, several = self.host.snapshot_puts_per_s, self.host.all_puts_per_s
            on_host_s = max(
                at_quota_s,
                put_duration_s(total, alone if together == 1 else several),
                put_duration_s(largest, alone),
            )
        return Cost(
            puts=total,
            price_usd=put_price_usd(total, self.usd_per_thousand_puts),
            time_at_quota_s=at_quota_s,
            time_on_host_s=on_host_s,
        )


@dataclass(frozen=True)
class Resumed:
    """The upload that would be gone on with."""

    snapshot_id: str | None
    folder: str
    trusted: bool
    only_waits: bool


@dataclass(frozen=True)
class VolumeForecast:
    """One volume: its blocks, and what becomes of them."""

    volume: str
    source: str
    source_format: str
    """``raw``, or the format that is decoded."""
    source_size_bytes: int
    volume_size_gib: int
    tally: Tally
    is_upper_bound: bool
    """Zeros among the data were not looked for, or what is there not compared."""
    zeros: ResolvedZeros
    encryption: EncryptionBasis
    encrypted: bool
    cost: Cost
    if_encrypted: Cost | None
    """If the account turns out to encrypt by default; None if that is no question, or refused."""
    reading_s: float
    """How long the reading took; the run reads the same blocks."""
    parent_snapshot_id: str | None
    """None of a full snapshot."""
    resumed: Resumed | None
    notes: tuple[str, ...]

    @property
    def read_bytes_per_s(self) -> float | None:
        """The measured speed; None where nothing was read."""
        read_bytes = self.tally.read * BLOCK_SIZE_BYTES
        return read_bytes / self.reading_s if read_bytes and self.reading_s else None

    def as_dict(self) -> dict[str, Any]:
        """Return the documented JSON object."""
        tally, speed = self.tally, self.read_bytes_per_s
        return {
            "volume": self.volume,
            "source": self.source,
            "source_format": self.source_format,
            "source_size_bytes": self.source_size_bytes,
            "volume_size_gib": self.volume_size_gib,
            "blocks": {
                "total": tally.settled,
                "data": tally.data,
                "zero": tally.zeros,
                "hole": tally.holes,
                "resumed": tally.resumed,
                "unchanged": tally.unchanged,
            },
            **self.cost.as_dict(),
            "is_upper_bound": self.is_upper_bound,
            "zeros": str(self.zeros.policy),
            "zeros_reason": self.zeros.reason,
            "encrypted": self.encrypted,
            "encryption_known_from": str(self.encryption),
            "if_account_encrypts": self.if_encrypted and self.if_encrypted.as_dict(),
            "read_bytes_per_s": None if speed is None else round(speed),
            "time_to_read_s": None if speed is None else round(self.reading_s, 3),
            "parent_snapshot_id": self.parent_snapshot_id,
            "resumes": self.resumed and vars(self.resumed).copy(),
            "notes": list(self.notes),
            "error": None,
            "exit_code": 0,
        }


@dataclass(frozen=True)
class FailedForecast:
    """A volume that a run could not upload either."""

    volume: str
    source: str
    error: str
    exit_code: int

    def as_dict(self) -> dict[str, Any]:
        """Return the documented JSON object."""
        return vars(self).copy()


@dataclass(frozen=True)
class JobForecast:
    """All volumes of a job."""

    volumes: tuple[VolumeForecast | FailedForecast, ...]
    rates: Rates
    by_extents: bool
    steps: tuple[LaterStep, ...] = ()
    """What is done with the snapshots once they are completed."""

    @property
    def cost(self) -> Cost:
        """Of the volumes that can be uploaded."""
        return self.rates.cost(
            [each.cost.puts for each in self.volumes if isinstance(each, VolumeForecast)]
        )

    @property
    def failed(self) -> list[FailedForecast]:
        """The volumes that cannot be uploaded as they are."""
        return [each for each in self.volumes if isinstance(each, FailedForecast)]

    @property
    def error(self) -> str | None:
        """One sentence about what cannot be uploaded."""
        if not self.failed:
            return None
        if len(self.volumes) == 1:
            return self.failed[0].error
        names = ", ".join(each.volume for each in self.failed)
        return f"{len(self.failed)} of {len(self.volumes)} volumes cannot be uploaded: {names}"

    @property
    def exit_code(self) -> int:
        """As a run's would be: the volume's own where there is only one."""
        if not self.failed:
            return int(ExitCode.DONE)
        alone = len(self.volumes) == 1
        return self.failed[0].exit_code if alone else int(ExitCode.SOME_VOLUMES_FAILED)

    def as_dict(self) -> dict[str, Any]:
        """Return the documented JSON object."""
        return {
            "status": "failed" if self.failed else "planned",
            **self.cost.as_dict(),
            "usd_per_thousand_puts": self.rates.usd_per_thousand_puts,
            "puts_per_s_snapshot": self.rates.rate_limits.snapshot_puts_per_s,
            "puts_per_s_account": self.rates.rate_limits.account_puts_per_s,
            "by_extents": self.by_extents,
            "error": self.error,
            "exit_code": self.exit_code,
            "volumes": [each.as_dict() for each in self.volumes],
            "steps": [each.as_dict() for each in self.steps],
        }
