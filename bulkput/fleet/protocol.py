"""What the driver, the task on a host and the process of its volume send each other.

Between task and process they travel as frames, beside the events of the upload as they are; between
task, driver and actors Ray carries them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bulkput.config.settings import JobSettings
from bulkput.fleet.lease import Ask, Lease, Resource
from bulkput.fleet.quota_share import QuotaShare
from bulkput.jobs.process.embedded_server import EmbeddedServer
from bulkput.jobs.session.rate_limits import GetRateLimits, RateLimits
from bulkput.model.outcome import VolumeOutcome
from bulkput.model.progress import Progress

# Driver and task.


@dataclass(frozen=True)
class Order:
    """To the task: one attempt at a volume."""

    client: str
    """Of this attempt alone, among all that there ever were: it names the lease and the holder of
    the permit."""
    permit: str
    """The volume among those of all jobs of the account."""
    volume: str
    """Its label."""
    settings: JobSettings
    """With this volume alone; memory and processes are those of one volume on its host."""
    server: EmbeddedServer | None
    """The embedded one, if it is a rehearsal."""
    account: str
    """Whose quota it puts by: account and Region."""
    rate_limits: RateLimits
    get_rate_limits: GetRateLimits
    version: str
    """Of the driver's program."""
    delivered: frozenset[str] | None = frozenset()
    """Snapshots whose results the job has reported: the volume is to become another one. None is
    all that are sealed."""


@dataclass(frozen=True)
class AttemptEnd:
    """The result of the task."""

    outcome: VolumeOutcome
    """``not-started`` if the permit was another's."""
    last_words: str = ""
    """The end of what the process printed: of one that crashed, why."""


# Task and quota actor.


@dataclass(frozen=True)
class Renewal:
    """To ``renew``: of a lease and of the volume's permit."""

    ask: Ask
    permit: str
    snapshot_id: str | None
    """The volume's pending snapshot, once it is known."""


@dataclass(frozen=True)
class Renewed:
    """Its answer."""

    lease: Lease | None
    """None: a later ask has overtaken this one, or the account is unknown."""
    has_permit: bool


@dataclass(frozen=True)
class Leave:
    """To ``leave``: the client uses nothing any more."""

    client: str
    permit: str
    is_pending: bool
    """The volume's snapshot may be pending yet."""


# Task and process.


@dataclass(frozen=True)
class SetShare:
    """To the process: its part of the account, from now on; it answers ``ShareTaken``."""

    share: QuotaShare
    permit_until_s: float
    """No snapshot may be started after this, by ``boottime_s``."""


@dataclass(frozen=True)
class VolumeInit:
    """First to the process."""

    order: Order
    share: SetShare


@dataclass(frozen=True)
class StopVolume:
    """To the process: leave in order, as after SIGTERM."""

    why: str
    """A clause, as in ``stopped, because ...``."""


@dataclass(frozen=True)
class ShareTaken:
    """From the process: nothing starts beyond this share any more."""

    number: int


@dataclass(frozen=True)
class VolumeProgress:
    """From the process: its counters."""

    progress: Progress
    held_s: Mapping[Resource, float] = field(default_factory=dict)
    """So far, for how long its next call waited for its share, and for nothing else."""


@dataclass(frozen=True)
class VolumeFinished:
    """From the process, its last: what became of the volume."""

    outcome: VolumeOutcome
