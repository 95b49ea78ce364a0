"""A failure that comes when the run has broken off already is no defect, and is not logged as one.

asyncio reports an exception that nobody fetched with its traceback, whenever its task or future is
collected: at any later moment, in the middle of another volume.
"""

import asyncio
import gc
import os
from contextlib import suppress
from types import SimpleNamespace

import pytest
from support.inline_workers import Inline
from support.ledgers import SNAPSHOT_ID
from support.upload_parts import POLICY, upload_parts

from bulkput.ebs.service import open_service
from bulkput.jobs.lanes.protocol import CallKind
from bulkput.jobs.lanes.put_crew import PutCrew
from bulkput.jobs.lanes.shared_calls import PacedCalls
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.clock import LoopClock
from bulkput.model.errors import ConfigError, CredentialsError
from bulkput.model.progress import Progress
from bulkput.pipeline.budget import ByteBudget
from bulkput.pipeline.span_queue import SpanQueue
from bulkput.pipeline.upload import upload_blocks


def reported_by(main):
    """Run ``main`` in a loop of its own; returns what that reports of what was left behind."""
    reported = []

    async def run():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: reported.append(context["message"]))
        await main
        await asyncio.sleep(0)  # what the loop itself still refers to
        gc.collect()

    asyncio.run(run())
    return reported


class Sink:
    """Refuses all blocks, some turns of the loop after it is told to."""

    def __init__(self, turns):
        self._turns = turns
        self.reached, self.fail = asyncio.Event(), asyncio.Event()

    async def put_block(self, snapshot_id, block_index, body, digest, on_sent):
        on_sent()
        self.reached.set()
        await self.fail.wait()
        for _ in range(self._turns):
            await asyncio.sleep(0)
        raise CredentialsError("gone")


@pytest.mark.parametrize("turns", range(8))
def test_a_put_fails_while_the_upload_is_being_cancelled(turns, tmp_path):
    image = tmp_path / "disk.raw"
    image.write_bytes(os.urandom(2 * BLOCK_SIZE_BYTES))

    async def cancelled():
        sink = Sink(turns)
        with upload_parts(image, tmp_path / "state" / "disk", sink) as parts:
            upload = asyncio.create_task(upload_blocks(SNAPSHOT_ID, parts, POLICY))
            await sink.reached.wait()
            sink.fail.set()
            upload.cancel()
            with suppress(asyncio.CancelledError, CredentialsError):
                await upload

    assert reported_by(cancelled()) == []


@pytest.mark.parametrize("is_lost", [False, True])
def test_this_process_fails_while_its_crew_is_being_cancelled(is_lost):
    async def cancelled():
        began = asyncio.Event()

        async def own():
            try:
                began.set()
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise CredentialsError("gone") from None

        parts = SimpleNamespace(
            calls=[PacedCalls(CallKind.PUTS, None, Progress("disk"), 1.0, 1)],
            budget=ByteBudget(BLOCK_SIZE_BYTES),
            shutdown_grace_s=1.0,
        )
        crew = PutCrew(parts, lambda: None, queue=None)
        putting = asyncio.create_task(crew.run(own()))
        await began.wait()
        putting.cancel()
        if is_lost:  # a lane's, in the same turn of the loop
            crew._fail(CredentialsError("gone"))
        with pytest.raises(asyncio.CancelledError):
            await putting

    assert reported_by(cancelled()) == []


def test_a_source_cannot_be_examined_for_one_who_has_left():
    class Source:
        block_count = 16

        def extents(self, start=0):
            raise OSError("no extents")

    async def left():
        spans = SpanQueue(Source(), Inline(), span_blocks=8, cut_holes=False)
        taking = asyncio.create_task(spans.take())
        await asyncio.sleep(0)
        taking.cancel()
        await spans.close()

    assert reported_by(left()) == []


def test_neither_the_certificates_nor_the_region_can_be_had(monkeypatch):
    read = asyncio.Event()

    async def no_trust(*_):
        read.set()
        raise ConfigError("AWS_CA_BUNDLE", "a file")

    async def no_region(*_):
        await read.wait()
        raise ConfigError("region", "a Region")

    monkeypatch.setattr("bulkput.ebs.service.asyncio.to_thread", no_trust)
    monkeypatch.setattr("bulkput.ebs.service.resolve_region", no_region)

    async def refused():
        with pytest.raises(ConfigError, match="a Region"):
            async with open_service(region=None, clock=LoopClock()):
                pass

    assert reported_by(refused()) == []
