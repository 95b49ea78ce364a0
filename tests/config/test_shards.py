"""``--shard``: every volume is in one part, and the scheduler's numbers are read as they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkput.config.shard import Shard, parse_shard
from bulkput.model.errors import UsageError

BATCH = {"AWS_BATCH_JOB_ARRAY_INDEX": "7", "AWS_BATCH_JOB_ARRAY_SIZE": "40"}
KUBERNETES = {"JOB_COMPLETION_INDEX": "3"}


@given(st.integers(1, 50), st.integers(0, 200))
def test_every_volume_is_in_one_part(count, volumes):
    parts = [Shard(index, count).has(range(volumes)) for index in range(count)]
    assert all(sum(column) == 1 for column in zip(*parts, strict=True))
    sizes = [sum(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(
    ("text", "environ", "shard"),
    [
        ("0/1", {}, Shard(0, 1)),
        (" 3/40 ", {}, Shard(3, 40)),
        ("9999/10000", {}, Shard(9999, 10_000)),
        ("auto", BATCH, Shard(7, 40)),
        ("auto/8", KUBERNETES, Shard(3, 8)),
        ("auto/8", BATCH, Shard(7, 8)),
    ],
)
def test_what_names_a_part(text, environ, shard):
    assert parse_shard(text, environ) == shard


@pytest.mark.parametrize(
    ("text", "environ", "reason"),
    [
        ("", {}, "INDEX/COUNT"),
        ("3", {}, "INDEX/COUNT"),
        ("/3", {}, "INDEX/COUNT"),
        ("-1/3", {}, "INDEX/COUNT"),
        ("1/3/5", {}, "INDEX/COUNT"),
        ("٣/٤", {}, "INDEX/COUNT"),
        ("40/40", {}, "below the count"),
        ("0/0", {}, "below the count"),
        ("0/10001", {}, "10,000"),
        ("auto", {}, "JOB_COMPLETION_INDEX"),
        ("auto", KUBERNETES, "auto/COUNT"),
        ("auto", {**BATCH, "AWS_BATCH_JOB_ARRAY_INDEX": "x"}, "no number"),
        ("auto", {**BATCH, "AWS_BATCH_JOB_ARRAY_SIZE": "-4"}, "no number"),
        ("auto/2", KUBERNETES, "below the count"),
    ],
)
def test_what_names_none(text, environ, reason):
    with pytest.raises(UsageError, match=reason):
        parse_shard(text, environ)
