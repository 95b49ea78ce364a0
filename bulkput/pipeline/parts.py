"""What one upload works with, and what it may do: opened, decided and owned by the caller."""

from dataclasses import dataclass, field
from typing import NamedTuple

from bulkput.ledger.marks import Marks
from bulkput.model.clock import Clock
from bulkput.model.progress import Progress
from bulkput.pace.pacer import Pacer
from bulkput.pipeline.baseline import Baseline, NoBaseline, Unchanged, nothing_is_known
from bulkput.pipeline.budget import ByteBudget
from bulkput.pipeline.put import BlockSink, OnPutRetry
from bulkput.pipeline.retry import Retrier
from bulkput.pipeline.span_queue import Spans
from bulkput.pipeline.tally import Tally
from bulkput.pipeline.workers import Workers
from bulkput.planning.zeros import ResolvedZeros
from bulkput.source.source import Source


class UploadPolicy(NamedTuple):
    """What one upload does, and within which bounds."""

    zeros: ResolvedZeros
    """Which empty blocks are left out."""
    trust_ledger: bool
    """Whether blocks that the ledger vouches for are passed over without reading them."""
    window_blocks: int
    give_up_after_s: float
    """How long no put may be acknowledged before the volume ends as temporary."""
    shutdown_grace_s: float
    """How long puts in flight may take to end after a failure or a signal."""


@dataclass(frozen=True, repr=False, eq=False)
class UploadParts:
    """What one upload works with; all of it is the caller's to open and to close."""

    source: Source
    spans: Spans
    """Of the source: all, or those that this process is given."""
    budget: ByteBudget
    """What others have a part of may become less, and windows with it."""
    ledger: Marks
    sink: BlockSink
    pacer: Pacer
    retrier: Retrier
    workers: Workers
    clock: Clock
    progress: Progress
    tally: Tally
    """Counts in ``progress``, and wherever else it matters."""
    on_retry: OnPutRetry
    baseline: Baseline = field(default_factory=NoBaseline)
    """The parent's blocks, which need no put where the source has the same."""
    unchanged: Unchanged = nothing_is_known
