"""What the volumes of one job share."""

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bulkput.config.settings import JobSettings
from bulkput.jobs.process.embedded_server import EmbeddedServer
from bulkput.jobs.session.rate_limits import GET_RATE_LIMITS_DEFAULT, GetRateLimits, RateLimits
from bulkput.jobs.session.snapshots import Snapshots
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.clock import Clock
from bulkput.model.duration import format_duration
from bulkput.model.errors import BulkputError, ConfigError, ServiceError
from bulkput.model.events import Noted, Observer
from bulkput.model.failure import NEVER_ANSWERED, FailureClass
from bulkput.model.window import WINDOWS_PER_BUDGET, window_that_fits
from bulkput.pace.gate import CallGate, Fence, OpenCallGate
from bulkput.pace.pacer import AccountPacer
from bulkput.pipeline.retry import OnRetry, Retrier
from bulkput.pipeline.workers import Workers

if TYPE_CHECKING:
    from bulkput.ebs.service import Service  # loads aiohttp, which a plan need not pay
    from bulkput.jobs.session.state_store import StateStore  # only a job that has one loads it

if TYPE_CHECKING:
    from bulkput.jobs.session.snapshot_reader import SnapshotReader


_MET_BY_ALL = NEVER_ANSWERED | {FailureClass.PROXY_REFUSED}

_SERVICE_KEYS = frozenset({"endpoint", "HTTPS_PROXY"})
"""Of problems that the way to the service has, and no volume of its own."""


@dataclass(frozen=True, repr=False, eq=False)
class JobContext:
    """Opened by the job, used by its volumes, closed by the job."""

    settings: JobSettings
    service: "Service"
    endpoint_url: str | None
    """The one URL of EBS and EC2; None for AWS's own."""
    state_dir: Path
    rate_limits: RateLimits
    account: AccountPacer
    workers: Workers
    clock: Clock
    random: random.Random
    observer: Observer
    get_rate_limits: GetRateLimits = GET_RATE_LIMITS_DEFAULT
    get_account: AccountPacer = field(
        default_factory=lambda: AccountPacer(GET_RATE_LIMITS_DEFAULT.account_gets_per_s)
    )
    server: EmbeddedServer | None = None
    """The embedded one, where the job is a rehearsal."""
    state_store: "StateStore | None" = None
    """Where state is kept beside the state folder, if anywhere."""
    starts: CallGate = field(default_factory=OpenCallGate)
    """When StartSnapshot may be called."""
    completes: CallGate = field(default_factory=OpenCallGate)
    """The same of CompleteSnapshot."""
    fence: Fence = field(default_factory=Fence)
    """Whether puts may start, as far as the state store says who has the upload."""

    delivered: frozenset[str] | None = frozenset()
    """Snapshots whose results the job has reported, where the ledgers that are to know it were on
    other hosts; None is all that are sealed."""

    reported: set[str] = field(default_factory=set)
    """What was met before the first answer: by all volumes alike, and reported once."""

    @property
    def store_address(self) -> str | None:
        """Of the state store, if there is one."""
        return None if self.state_store is None else self.state_store.objects.shown

    def on_notice(self) -> None:
        """Take the time that a spot notice leaves: the state store gets what the volumes have."""
        if self.state_store is not None:
            self.state_store.end_time.extend()

    @property
    def gets(self) -> "SnapshotReader":
        """How snapshots are read back, all volumes in one rate of the account."""
        from bulkput.jobs.session.snapshot_reader import (  # noqa: PLC0415 - most uploads read none
            SnapshotReader,
        )

        return SnapshotReader(
            service=self.service,
            tuning=self.settings.tuning,
            rate_limits=self.get_rate_limits,
            account=self.get_account,
            workers=self.workers,
            clock=self.clock,
            random=self.random,
            observer=self.observer,
        )

    @property
    def places(self) -> int:
        """How many volumes are uploaded at the same time: as many as the byte budget carries."""
        settings = self.settings
        carried = settings.tuning.memory_budget_bytes // (WINDOWS_PER_BUDGET * BLOCK_SIZE_BYTES)
        return min(settings.parallel, len(settings.volumes), carried)

    @property
    def memory_budget_bytes(self) -> int:
        """What one of the volumes that run at the same time may hold, in whichever process."""
        return self.settings.tuning.memory_budget_bytes // self.places

    @property
    def window_blocks(self) -> int:
        """The window that is wanted, if several fit in one volume's part of the budget."""
        most_blocks = self.settings.tuning.window_bytes // BLOCK_SIZE_BYTES
        return window_that_fits(self.memory_budget_bytes, most_blocks)

    def retrier(self, volume: str) -> Retrier:
        """Return a retry layer for one snapshot."""
        return Retrier(
            clock=self.clock,
            random=self.random,
            recovery=_ReportingRecovery(self.service, volume, self.observer),
            deadline_s=self.settings.tuning.operation_deadline_s,
        )

    def is_without_service(self, error: BulkputError) -> bool:
        """Return whether ``error`` is what every volume would meet: no call was ever answered."""
        if isinstance(error, ServiceError):
            is_met_by_all = error.failure in _MET_BY_ALL
        else:
            keys = [each.path for each in error.problems] if isinstance(error, ConfigError) else []
            is_met_by_all = not _SERVICE_KEYS.isdisjoint(keys)
        return is_met_by_all and not self.service.has_answered

    def concerns_all_volumes(self, error: BulkputError) -> bool:
        """Return whether the failure of one volume of several ends the whole job."""
        return len(self.settings.volumes) > 1 and self.is_without_service(error)

    def snapshots(self, retrier: Retrier, volume: str) -> Snapshots:
        """Return EC2's calls about snapshots, repeated by ``retrier``."""
        control, on_retry = self.service.control, self.on_call_retry(volume)
        return Snapshots(control, retrier, on_retry, completes=self.completes)

    def on_call_retry(self, volume: str) -> OnRetry:
        """Return the callback for repeated calls of the control plane: few, so each is a note."""

        def on_retry(error: ServiceError, delay_s: float) -> None:
            if error.failure in NEVER_ANSWERED:
                if error.occurrence in self.reported:
                    return
                self.reported.add(error.occurrence)
            # A full account is somebody's to clear up meanwhile; other repeats ask for nothing.
            is_full = error.failure is FailureClass.CONCURRENT_LIMIT
            what = str(error) if is_full else error.occurrence
            text = f"{what}; trying again in {delay_s:.1f} s"
            self.observer.on_event(Noted(volume, text, warning=True))

        return on_retry


@dataclass(repr=False, eq=False)
class _ReportingRecovery:
    """The service's recovery, with a warning when this machine's clock turns out to be wrong."""

    service: "Service"
    volume: str
    observer: Observer
    is_reported: bool = False

    async def recover(self, error: ServiceError) -> None:
        await self.service.recover(error)
        offset_s = self.service.clock_offset_s
        if offset_s and not self.is_reported:
            self.is_reported = True
            direction = "behind" if offset_s > 0 else "ahead of"
            text = (
                f"this machine's clock is {format_duration(abs(offset_s))} {direction} the "
                "service's: requests are signed with the service's time; set the clock (chrony, "
                "NTP)"
            )
            self.observer.on_event(Noted(self.volume, text, warning=True))
