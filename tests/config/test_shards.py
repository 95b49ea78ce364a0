"""``--shard``: every volume is in one part, and the scheduler's numbers are read as they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkput.config.shard import Shard, parse_shard
from bulkput.config.tuning import TuningSettings
from bulkput.jobs.session.rate_limits import configured_rate_limits
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
        ("auto/40", BATCH, Shard(7, 40)),
        ("auto", {**BATCH, "JOB_COMPLETION_INDEX": "7"}, Shard(7, 40)),
        ("auto", {**BATCH, "JOB_COMPLETION_INDEX": ""}, Shard(7, 40)),
        ("auto", {"AWS_BATCH_JOB_ARRAY_INDEX": "0", "AWS_BATCH_JOB_ARRAY_SIZE": "2"}, Shard(0, 2)),
        ("auto/8", KUBERNETES, Shard(3, 8)),
        ("3/4", {**BATCH, **KUBERNETES}, Shard(3, 4)),
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
        ("auto/40", {**BATCH, **KUBERNETES}, "ARRAY_INDEX is 7 and JOB_COMPLETION_INDEX is 3"),
        ("auto/8", BATCH, "AWS_BATCH_JOB_ARRAY_SIZE is 40"),
        ("auto/50", BATCH, "volumes would be left out"),
        ("auto", {**KUBERNETES, "AWS_BATCH_JOB_ARRAY_SIZE": "40"}, "auto/COUNT"),
        ("auto", {"AWS_BATCH_JOB_ARRAY_SIZE": "40"}, "is set"),
        ("auto", {**BATCH, "AWS_BATCH_JOB_ARRAY_INDEX": "40"}, "below the count"),
        ("auto/4", {"JOB_COMPLETION_INDEX": "1.0"}, "no number"),
        ("auto/4", {"JOB_COMPLETION_INDEX": "9999999999"}, "no number"),
    ],
)
def test_what_names_none(text, environ, reason):
    with pytest.raises(UsageError, match=reason):
        parse_shard(text, environ)


@pytest.mark.parametrize("count", [1, 3, 40, 10_000])
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"puts_per_s_account": 120.0},
        {"gets_per_s_account": 7.0, "bytes_per_s": "50MiB"},
        {"quota_share": 0.5},
        {"quota_share": 0.3, "puts_per_s_account": 120.0, "bytes_per_s": "64KiB"},
    ],
)
def test_all_parts_together_have_what_the_job_has(count, given):
    whole = TuningSettings(**given)
    parts = [Shard(index, count).tuning(whole) for index in range(count)]
    for name in ("quota_share", "puts_per_s_account", "gets_per_s_account", "bytes_per_s"):
        of_all = getattr(whole, name)
        if of_all is None:
            assert {getattr(part, name) for part in parts} == {None}
            continue
        assert sum(getattr(part, name) for part in parts) <= of_all * (1 + 1e-9)
        assert getattr(parts[0], name) == pytest.approx(of_all / count, rel=0.2)
    assert configured_rate_limits(parts[0]).account_puts_per_s == pytest.approx(
        configured_rate_limits(whole).account_puts_per_s / count, rel=0.2
    )


def test_a_share_that_is_asked_for_is_the_parts_own():
    part = Shard(3, 40).tuning(
        TuningSettings(quota_share=0.25, puts_per_s_account=120.0), share=0.1
    )
    assert (part.quota_share, part.puts_per_s_account) == (0.1, 12.0)
