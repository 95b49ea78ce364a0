"""How many pieces of a comparison are under way, or wait for one before them."""

import asyncio
import random
from types import SimpleNamespace

import pytest
from support.inline_workers import Inline
from virtual_time import run_virtual

from bulkput.model.block import Extent
from bulkput.model.progress import Progress
from bulkput.pipeline.listing import Page
from bulkput.pipeline.readback import ReadbackParts, compare


@pytest.mark.parametrize(("is_sequential", "expected"), [(True, 1), (False, 3)])
def test_as_many_pieces_are_ahead_as_may_be_and_of_a_stream_one(
    monkeypatch, is_sequential, expected
):
    monkeypatch.setattr("bulkput.pipeline.readback._AHEAD_PIECES", 3)
    reference = SimpleNamespace(
        block_count=40, is_sequential=is_sequential, extents=lambda: iter([Extent(0, 40)])
    )
    rng, begun, under_way, most = random.Random(1), [], 0, 0

    async def differences(piece):
        nonlocal under_way, most
        begun.append(piece.extents[0].start)
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(rng.random())
        under_way -= 1
        return []

    async def list_pages():
        yield Page((), None, 1)

    parts = ReadbackParts(
        references=[reference],
        list_pages=list_pages,
        differences=differences,
        workers=Inline(),
        progress=Progress("v"),
        piece_blocks=2,
        on_difference=[].append,
    )
    assert run_virtual(compare(parts)) == 40
    assert most == expected
    assert begun == sorted(begun)
