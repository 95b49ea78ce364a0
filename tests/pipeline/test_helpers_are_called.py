"""The uploader tells the hashers whether more of them are needed."""

import asyncio

from bulkput.model.progress import Progress
from bulkput.pipeline.uploader import Uploader


async def test_helpers_are_called_while_fewer_blocks_than_a_window_wait_for_their_first_put():
    is_short, begun = asyncio.Event(), set()
    uploader = Uploader(
        inputs=None,
        put=None,
        sending=set(),
        begun=begun,
        stopping=asyncio.Event(),
        is_short=is_short,
        short_puts=2,
        ledger=None,
        baseline=None,
        clock=None,
        budget=None,
        can_reread=True,
        progress=Progress("disk"),
        put_holes=False,
        skip_zeros=True,
        give_up_after_s=1,
    )
    first, second, third = puts = [asyncio.create_task(asyncio.sleep(0)) for _ in range(3)]
    uploader._puts.update(puts)
    uploader._tell_whether_short()
    assert not is_short.is_set()
    begun.add(first)  # be it under way or waiting for a repeat
    uploader._tell_whether_short()
    assert not is_short.is_set()
    uploader._ended(second)
    assert is_short.is_set()
    await asyncio.gather(*puts)
    uploader._ended(third)
    assert is_short.is_set()
