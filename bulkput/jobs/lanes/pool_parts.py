"""What the lanes of a job or a command go by: where they work, how fast, and with how much memory.

Pure, but for the machine's count of processors.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from bulkput.config.process_count import AUTO
from bulkput.config.service import ServiceSettings
from bulkput.ebs.credentials import CredentialSource
from bulkput.jobs.lanes.protocol import CallKind
from bulkput.jobs.process.embedded_server import EmbeddedServer
from bulkput.jobs.session.context import JobContext
from bulkput.machine.processors import usable_processors
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.clock import Clock
from bulkput.model.window import WINDOWS_PER_BUDGET, window_that_fits
from bulkput.pace.pacer import AccountPacer

if TYPE_CHECKING:
    from bulkput.jobs.session.snapshot_reader import SnapshotReader  # most uploads read none

_WINDOW_MIN_BLOCKS = 4
"""A hop to a thread for each block would cost a tenth of what its put does."""

AUTO_PROCESSES_MAX = 8
"""On a slow processor 6000 puts/s, more than the highest account quota reported."""


class AccountRate(NamedTuple):
    """The account's calls of one kind."""

    pacer: AccountPacer
    """Of this process."""
    ceiling_per_s: float
    """For all processes together."""


class SourceEnd(NamedTuple):
    """The service that snapshots are copied from."""

    settings: ServiceSettings
    """With the Region that was found."""
    server: EmbeddedServer | None
    credentials: CredentialSource
    """One source for all processes, as at the other end."""


class PoolParts(NamedTuple):
    """What lanes share with the process that they belong to."""

    settings: ServiceSettings
    """With the Region that was found."""
    server: EmbeddedServer | None
    """The embedded one; None where the settings say it all."""
    credentials: CredentialSource
    """One source for all processes."""
    clock: Clock
    memory_budget_bytes: int
    """What one volume may hold, in all processes together."""
    window_blocks: int
    """Wanted, of one process that works alone."""
    accounts: Mapping[CallKind, AccountRate]
    source: SourceEnd | None = None
    """Of a copy."""

    @property
    def most_processes(self) -> int:
        """How many may work, this one included."""
        processes = self.settings.tuning.processes
        return min(usable_processors(), AUTO_PROCESSES_MAX) if processes == AUTO else processes

    @property
    def processes_a_volume(self) -> int:
        """How many may work for one volume."""
        return process_count(self.most_processes, self.memory_budget_bytes)

    @property
    def shared_window_blocks(self) -> int:
        """The window that fits everybody's part of one volume's memory."""
        part_bytes = self.memory_budget_bytes // self.processes_a_volume
        return window_that_fits(part_bytes, self.window_blocks)


def process_count(processes: int, memory_bytes: int) -> int:
    """Return over how many processes one volume's blocks are spread at most.

    Args:
        processes: Wanted, this one included.
        memory_bytes: What the volume may hold, in all of them together.
    """
    window_bytes = _WINDOW_MIN_BLOCKS * BLOCK_SIZE_BYTES
    return max(1, min(processes, memory_bytes // (WINDOWS_PER_BUDGET * window_bytes)))


def parts_of_job(context: JobContext) -> PoolParts:
    """Return what the lanes of a job go by."""
    puts, gets = context.rate_limits, context.get_rate_limits
    return PoolParts(
        settings=context.settings.model_copy(update={"region": context.service.region}),
        server=context.server,
        credentials=context.service.credentials,
        clock=context.clock,
        memory_budget_bytes=context.memory_budget_bytes,
        window_blocks=context.window_blocks,
        accounts={
            CallKind.PUTS: AccountRate(context.account, puts.account_puts_per_s),
            CallKind.GETS: AccountRate(context.get_account, gets.account_gets_per_s),
        },
    )


def parts_of_copy(
    context: JobContext, source: ServiceSettings, gets: "SnapshotReader"
) -> PoolParts:
    """Return what the lanes of a copy go by.

    Args:
        context: Of the copy.
        source: Where the snapshot is.
        gets: The same, opened.
    """
    parts = parts_of_job(context)
    rate = AccountRate(gets.account, gets.rate_limits.account_gets_per_s)
    return parts._replace(
        accounts={**parts.accounts, CallKind.SOURCE_GETS: rate},
        source=SourceEnd(_opened(source, gets), gets.server, gets.service.credentials),
    )


def parts_of_reader(settings: ServiceSettings, gets: "SnapshotReader") -> PoolParts:
    """Return what the lanes of a command that reads one snapshot go by."""
    tuning = gets.tuning
    return PoolParts(
        settings=_opened(settings, gets),
        server=gets.server,
        credentials=gets.service.credentials,
        clock=gets.clock,
        memory_budget_bytes=tuning.memory_budget_bytes,
        window_blocks=tuning.window_bytes // BLOCK_SIZE_BYTES,
        accounts={
            CallKind.GETS: AccountRate(gets.account, gets.rate_limits.account_gets_per_s),
        },
    )


def _opened(settings: ServiceSettings, gets: "SnapshotReader") -> ServiceSettings:
    """Return settings as they were opened: with what fits this machine, and the Region found."""
    return settings.model_copy(update={"tuning": gets.tuning, "region": gets.service.region})
