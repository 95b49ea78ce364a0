"""The parts of one volume's way, from a raw image to a sink, on a clock that does not wait."""

import asyncio
import random
from contextlib import contextmanager

from support.ledgers import start

from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.clock import LoopClock
from bulkput.model.progress import Progress
from bulkput.model.zeros import ZeroPolicy
from bulkput.pace.pacer import AccountPacer, Pacer
from bulkput.pipeline.budget import ByteBudget
from bulkput.pipeline.parts import UploadParts, UploadPolicy
from bulkput.pipeline.retry import Retrier
from bulkput.pipeline.span_queue import SpanQueue
from bulkput.pipeline.tally import ProgressTally
from bulkput.pipeline.workers import ThreadWorkers
from bulkput.planning.zeros import resolve_zero_policy
from bulkput.source.open import open_source


class Clock(LoopClock):
    """Sleeps without waiting."""

    async def sleep(self, delay_s):
        await asyncio.sleep(0)


class NoRecovery:
    async def recover(self, error):
        pass


POLICY = UploadPolicy(
    zeros=resolve_zero_policy(ZeroPolicy.SKIP, encrypted=False),
    trust_ledger=False,
    window_blocks=4,
    give_up_after_s=60,
    shutdown_grace_s=1,
)


@contextmanager
def upload_parts(image, state, sink):
    """Give the parts of ``image``'s upload; its ledger is made in the folder ``state``."""
    progress = Progress("disk")
    clock, workers = Clock(), ThreadWorkers(2)
    source = open_source(image)
    try:
        with start(state, image.stat().st_size // BLOCK_SIZE_BYTES) as ledger:
            yield UploadParts(
                source=source,
                spans=SpanQueue(source, workers, span_blocks=4, cut_holes=False),
                budget=ByteBudget(16 * BLOCK_SIZE_BYTES),
                ledger=ledger,
                sink=sink,
                pacer=Pacer(
                    ceiling_puts_per_s=1e6,
                    in_flight_max=4,
                    account=AccountPacer(1e6),
                    clock=clock,
                ),
                retrier=Retrier(clock, random.Random(1), NoRecovery(), deadline_s=60),
                workers=workers,
                clock=clock,
                progress=progress,
                tally=ProgressTally(progress),
                on_retry=lambda *_: None,
            )
    finally:
        source.close()
        workers.close()
