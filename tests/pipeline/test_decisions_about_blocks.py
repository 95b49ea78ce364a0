"""Which blocks are put: never one too few, whatever an earlier run left in the ledger."""

import hashlib
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bulkput.ledger.record import State
from bulkput.model.block import ZERO_BLOCK_DIGEST, Extent
from bulkput.pipeline.decide import decide, runs
from bulkput.pipeline.hashing import HashedWindow, ZeroWindow

DIGESTS = [ZERO_BLOCK_DIGEST, hashlib.sha256(b"a").digest(), hashlib.sha256(b"b").digest()]

block = st.tuples(
    st.sampled_from(range(3)), st.sampled_from(list(State)), st.sampled_from(range(3))
)


def rows(numbers):
    return np.array([list(DIGESTS[number]) for number in numbers], dtype=np.uint8)


@given(st.lists(block, min_size=1, max_size=40), st.booleans())
def test_every_block_is_put_vouched_for_or_left_out_and_each_for_its_reason(blocks, skip_zeros):
    now = [content for content, _, _ in blocks]
    states = np.array([state for _, state, _ in blocks], dtype=np.uint8)
    hashed = HashedWindow(
        window=ZeroWindow(0, len(blocks)),
        is_hole=False,
        is_zero=np.array([content == 0 for content in now]),
        digests=rows(now),
    )
    decision = decide(
        hashed, states, rows([known for _, _, known in blocks]), skip_zeros=skip_zeros
    )
    for position, (content, state, known) in enumerate(blocks):
        put = bool(decision.put[position])
        resumed = bool(decision.resumed[position])
        skipped = bool(decision.skipped[position])
        assert put + resumed + skipped == 1
        assert resumed == (state is State.ACKNOWLEDGED and content == known)
        if skipped:
            assert skip_zeros
            assert content == 0
            assert state not in {State.SENT, State.ACKNOWLEDGED, State.LOST}


@given(st.lists(st.booleans(), max_size=60))
def test_runs_are_the_longest_stretches_of_true(flags):
    found = list(runs(np.array(flags, dtype=np.bool_)))
    covered = {index for extent in found for index in range(extent.start, extent.stop)}
    assert covered == {index for index, flag in enumerate(flags) if flag}
    assert all(one.stop < other.start for one, other in pairwise(found))
    assert all(isinstance(extent, Extent) for extent in found)
