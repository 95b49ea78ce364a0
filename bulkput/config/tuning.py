"""The `tuning` section: limits and deadlines of the engine, each with the reason of its default."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from bulkput.config.process_count import ProcessCount
from bulkput.config.quantity import Deadline, Size, size_text
from bulkput.config.section import Section
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.window import WINDOWS_PER_BUDGET

_MIB = 1 << 20
_GIB = 1 << 30

MEMORY_BUDGET_MIN_BYTES = 32 * _MIB
"""Four of the default windows, so that the default window fits every budget."""

RatePerS = Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)]
"""100,000/s is twenty times the highest account quota reported (5000/s)."""


class TuningSettings(Section, defer_build=False):
    """Limits and deadlines. The defaults suit an instance in the snapshot's own Region."""

    # 128 blocks: an eighth of a second at the service's 500 MiB/s for one snapshot. What only waits
    # for its answer is not held. 32, 64 and 128 MiB made no difference in speed or CPU, but in
    # resident memory: 127, 160 and 226 MiB.
    memory_budget_bytes: Annotated[int, Size(MEMORY_BUDGET_MIN_BYTES, 64 * _GIB)] = Field(
        default=64 * _MIB,
        alias="memory_budget",
        description="Maximum bytes of the source held in memory at once, for all volumes together.",
    )
    # 16 blocks: large enough to make one hop to a thread cheap, small enough for 16 in the budget.
    window_bytes: Annotated[int, Size(BLOCK_SIZE_BYTES, _GIB, BLOCK_SIZE_BYTES)] = Field(
        default=8 * _MIB,
        alias="window",
        description="Bytes of the source mapped or read at a time, at most a quarter of "
        "`memory_budget`.",
    )
    # SHA-256 takes 0.6 s a GiB: one core hashes three times what one snapshot accepts.
    hash_workers: Annotated[int, Field(ge=1, le=64)] | None = Field(
        default=None,
        description="Number of hashing threads. If not given: one for each CPU, at most 4. All "
        "but one pause while enough blocks are hashed in advance.",
    )
    # An event loop is one thread, and a put takes it 0.5 ms on one processor and 1.3 ms on another.
    processes: Annotated[int | Literal["auto"], ProcessCount()] = Field(
        default="auto",
        description="Number of processes that put blocks, or get them to verify, download or copy "
        "a snapshot, of one volume too, or `auto`: another one joins where a processor is what "
        "holds them back. "
        "Compressed and remote sources are always read by one.",
    )
    # Little's law: 1000 puts/s x 0.5 s, the slowest answers worth waiting for, is 500.
    in_flight_max: Annotated[int, Field(ge=1, le=4096)] = Field(
        default=512,
        description="Maximum number of puts of one snapshot in flight at once. The number "
        "actually used is adapted to the service, and `memory_budget` may limit it "
        "further.",
    )
    # None: the quota decides, 1000/s for one snapshot, not adjustable (Service Quotas L-1774F84A).
    puts_per_s_snapshot: RatePerS | None = Field(
        default=None,
        description="Maximum puts per second for one snapshot. If not given: the service's quota.",
    )
    # None: the quota decides, 1000/s or more for an account (Service Quotas L-AFAE1BE8).
    puts_per_s_account: RatePerS | None = Field(
        default=None,
        description="Maximum puts per second for all volumes together. If not given: the "
        "service's quota. Lower it to leave room for other programs in the account.",
    )
    # 1: nobody else is assumed to put.
    quota_share: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0,
        description="The share of the account's quotas of puts, gets, StartSnapshot and "
        "CompleteSnapshot that is this job's, such as `0.5` where others upload beside it. Of puts "
        "and gets it does not count where a rate is given. `--shard` divides it, and given rates.",
    )
    # A put is 512 KiB and no less, so this is a rate of puts as well: at 64 KiB/s one in 8 s.
    bytes_per_s: Annotated[int, Size(64 << 10, 64 * _GIB)] | None = Field(
        default=None,
        description="Maximum bytes of blocks put per second for all volumes together, such as "
        "`50MiB`. If not given: only the rates of puts count. Headers and TLS add less than 1%.",
    )
    # None: the quota decides, 1000/s for one snapshot, not adjustable (Service Quotas L-028ACFB9).
    gets_per_s_snapshot: RatePerS | None = Field(
        default=None,
        description="Maximum gets per second from one snapshot that is verified or downloaded. "
        "If not given: the service's quota.",
    )
    # None: the quota decides, 1000/s or more for an account (Service Quotas L-C125AE42).
    gets_per_s_account: RatePerS | None = Field(
        default=None,
        description="Maximum gets per second from all snapshots together. If not given: the "
        "service's quota.",
    )
    # A handshake within a Region takes milliseconds; 5 s outlasts one lost SYN and its repeats.
    connect_deadline_s: Deadline = Field(
        default=5.0,
        alias="connect_deadline",
        description="Time limit for a new connection, including TLS.",
    )
    # coldsnap's limit since 0.10, after puts that were accepted and never answered.
    no_progress_deadline_s: Deadline = Field(
        default=12.0,
        alias="no_progress_deadline",
        description="An attempt is abandoned after this time without a byte sent or received.",
    )
    # coldsnap's limit since 0.10: 512 KiB in 20 s is 26 KiB/s, slower than any usable link.
    attempt_deadline_s: Deadline = Field(
        default=20.0,
        alias="attempt_deadline",
        description="Time limit for one attempt. It is then abandoned, and the request is sent "
        "again on another connection.",
    )
    # Longer than a failover of the network or a brownout of the service, shorter than a night.
    operation_deadline_s: Deadline = Field(
        default=900.0,
        alias="operation_deadline",
        description="Time limit for one block with all its attempts, not counting the time "
        "that it waits for its turn. The volume then fails, and the same command "
        "resumes it.",
    )
    # As long as operation_deadline: what nothing gets through in 15 minutes is no brief outage.
    give_up_after_s: Deadline = Field(
        default=900.0,
        alias="give_up_after",
        description="The volume fails after this time without any acknowledged put. The same "
        "command resumes it.",
    )
    # A put takes about 0.1 s; a spot instance has 120 s from notice to end.
    shutdown_grace_s: Deadline = Field(
        default=8.0,
        alias="shutdown_grace",
        description="Time that puts in flight have to end after a signal or a fatal error.",
    )
    # The slowest end seen, the refusal of a count too high, took 11 minutes; five times that.
    completion_deadline_s: Deadline = Field(
        default=3600.0,
        alias="completion_deadline",
        description="Time to wait after the upload until the snapshot is `completed`.",
    )

    @field_validator("window_bytes")
    @classmethod
    def _window_fits_budget(cls, window_bytes: int, info: ValidationInfo) -> int:
        budget_bytes = info.data.get("memory_budget_bytes")
        if budget_bytes is not None and window_bytes * WINDOWS_PER_BUDGET > budget_bytes:
            most = budget_bytes // WINDOWS_PER_BUDGET // BLOCK_SIZE_BYTES * BLOCK_SIZE_BYTES
            raise ValueError(
                f"expected at most a quarter of memory_budget, which is {size_text(most)}"
            )
        return window_bytes
