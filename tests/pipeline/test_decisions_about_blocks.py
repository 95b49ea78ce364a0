"""Which blocks are put: never one too few, whatever an earlier run left in the ledger."""

import hashlib
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bulkput.ledger.record import State
from bulkput.model.block import ZERO_BLOCK_DIGEST, Extent
from bulkput.model.runs import joined, runs
from bulkput.pipeline.decide import decide
from bulkput.pipeline.hashing import HashedWindow
from bulkput.source.zero import ZeroWindow

DIGESTS = [ZERO_BLOCK_DIGEST, hashlib.sha256(b"a").digest(), hashlib.sha256(b"b").digest()]

block = st.tuples(
    st.sampled_from(range(3)),
    st.sampled_from(list(State)),
    st.sampled_from(range(3)),
    st.sampled_from([None, 0, 1, 2]),
)


def rows(numbers):
    return np.array([list(DIGESTS[number]) for number in numbers], dtype=np.uint8)


class Parent:
    """Blocks that a parent has, None where it has none."""

    def __init__(self, contents):
        self._contents = contents

    def present(self, start, stop):
        return np.array([content is not None for content in self._contents[start:stop]])

    def digests(self, start, stop):
        return rows([content or 0 for content in self._contents[start:stop]])


@given(st.lists(block, min_size=1, max_size=40), st.booleans())
def test_every_block_is_put_vouched_for_or_left_out_and_each_for_its_reason(blocks, skip_zeros):
    now = [content for content, _, _, _ in blocks]
    states = np.array([state for _, state, _, _ in blocks], dtype=np.uint8)
    hashed = HashedWindow(
        window=ZeroWindow(0, len(blocks)),
        is_hole=False,
        is_zero=np.array([content == 0 for content in now]),
        digests=rows(now),
    )
    decision = decide(
        hashed,
        states,
        rows([known for _, _, known, _ in blocks]),
        Parent([parent for _, _, _, parent in blocks]),
        skip_zeros=skip_zeros,
    )
    for position, (content, state, known, parent) in enumerate(blocks):
        may_be_there = state in {State.SENT, State.ACKNOWLEDGED, State.LOST}
        put, resumed, unchanged, skipped = (
            bool(mask[position])
            for mask in (decision.put, decision.resumed, decision.unchanged, decision.skipped)
        )
        assert put + resumed + unchanged + skipped == 1
        assert resumed == (state is State.ACKNOWLEDGED and content == known)
        assert unchanged == (not may_be_there and content == parent)
        absent_zero = content == 0 and parent is None
        assert skipped == (skip_zeros and absent_zero and not may_be_there)


@given(st.lists(st.lists(st.booleans(), min_size=30, max_size=30), max_size=3))
def test_merged_runs_are_those_of_all_together(masks):
    merged_runs = list(joined(*(runs(np.array(mask)) for mask in masks)))
    together = np.array(masks, dtype=np.bool_).reshape(-1, 30).any(axis=0)
    assert merged_runs == list(runs(together))


@given(st.lists(st.booleans(), max_size=60))
def test_runs_are_the_longest_stretches_of_true(flags):
    found = list(runs(np.array(flags, dtype=np.bool_)))
    covered = {index for extent in found for index in range(extent.start, extent.stop)}
    assert covered == {index for index, flag in enumerate(flags) if flag}
    assert all(one.stop < other.start for one, other in pairwise(found))
    assert all(isinstance(extent, Extent) for extent in found)
