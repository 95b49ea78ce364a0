"""The manual's table of limits has the program's figures."""

import pytest
from support.manual import page

from bulkput.config.tuning import TuningSettings
from bulkput.jobs.check.account import PENDING_DEFAULT
from bulkput.jobs.session.rate_limits import GET_RATE_LIMITS_DEFAULT, configured_rate_limits
from bulkput.jobs.upload.start_snapshot import TIMEOUT_DEFAULT_MIN
from bulkput.ledger.record import RECORD_SIZE_BYTES
from bulkput.model.block import (
    BLOCK_COUNT_MAX,
    BLOCK_SIZE_BYTES,
    DIGEST_SIZE_BYTES,
    VOLUME_SIZE_MAX_GIB,
)
from bulkput.pipeline.listing import PAGE_BLOCKS

TUNING = TuningSettings()
PUTS = configured_rate_limits(TUNING)


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("block", f"{BLOCK_SIZE_BYTES >> 10} KiB"),
        ("volume", f"{VOLUME_SIZE_MAX_GIB:,} GiB, whole: {BLOCK_COUNT_MAX:,} blocks"),
        ("puts into one snapshot", f"{PUTS.snapshot_puts_per_s:,.0f}/s"),
        ("puts of the account", f"{PUTS.account_puts_per_s:,.0f}/s"),
        ("gets from one snapshot", f"{GET_RATE_LIMITS_DEFAULT.snapshot_gets_per_s:,.0f}/s"),
        ("list calls", f"{PAGE_BLOCKS:,} blocks a page"),
        ("pending snapshots", f"| {PENDING_DEFAULT} |"),
        ("rest between two puts", f"{TIMEOUT_DEFAULT_MIN:,} minutes"),
        ("requests in flight", f"| {TUNING.in_flight_max} ("),
        ("state of an upload", f"{RECORD_SIZE_BYTES + DIGEST_SIZE_BYTES} bytes a block"),
        ("state of an upload", f"({RECORD_SIZE_BYTES} for the ledger"),
        ("manifest", f"{DIGEST_SIZE_BYTES} bytes for each block"),
    ],
)
def test_a_limit_is_the_programs(limit, words):
    table = page("limits").split("<!-- checked: limits -->")[1].split("<!-- /")[0]
    (row,) = [row for row in table.splitlines() if row.startswith(f"| {limit}")]
    assert words in row
