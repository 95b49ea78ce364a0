"""Spans cover a source without gap or overlap, and are found one by one."""

from collections.abc import Iterator
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from bulkput.model.block import Extent
from bulkput.planning.spans import Span, spans


@st.composite
def layouts(draw: st.DrawFn) -> list[Extent]:
    edges = sorted(draw(st.sets(st.integers(0, 300), max_size=20)))
    return [Extent(*pair) for pair in zip(edges[::2], edges[1::2], strict=False)]


@given(layouts(), st.integers(0, 320), st.integers(1, 50))
def test_spans_are_the_extents_and_the_holes_between(
    extents: list[Extent], block_count: int, span_blocks: int
) -> None:
    data = {i for extent in extents for i in range(extent.start, min(extent.stop, block_count))}
    done = 0
    previous_is_hole = False
    for span in spans(iter(extents), block_count, span_blocks=span_blocks):
        assert span.start == done < span.stop
        blocks = set(range(span.start, span.stop))
        if span.is_hole:
            assert not blocks & data
            assert not previous_is_hole
        else:
            assert blocks <= data
            assert span.start // span_blocks == (span.stop - 1) // span_blocks
        previous_is_hole = span.is_hole
        done = span.stop
    assert done == block_count


def test_data_is_cut_at_multiples_and_a_hole_is_one_span() -> None:
    found = list(spans([Extent(3, 20), Extent(1000, 1001)], 5000, span_blocks=8))
    assert found == [
        Span(0, 3, True),
        Span(3, 8, False),
        Span(8, 16, False),
        Span(16, 20, False),
        Span(20, 1000, True),
        Span(1000, 1001, False),
        Span(1001, 5000, True),
    ]


def test_extents_are_asked_for_only_as_far_as_needed() -> None:
    def endless() -> Iterator[Extent]:
        for index in count(0, 2):
            assert index < 10, "went ahead"
            yield Extent(index, index + 1)

    walk = spans(endless(), 134_217_728, span_blocks=16)
    assert [next(walk) for _ in range(3)] == [
        Span(0, 1, False),
        Span(1, 2, True),
        Span(2, 3, False),
    ]
