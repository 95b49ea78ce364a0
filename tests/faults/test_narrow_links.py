"""Links that a few puts fill: nothing that moves is cut off, and nothing is sent twice."""

import json

from faults.emulated import until

from benchmarks.servers.link import Link
from bulkput.model.block import BLOCK_SIZE_BYTES

DEADLINES = {"no_progress_deadline": "3s", "attempt_deadline": "3s", "operation_deadline": "60s"}
"""A quarter of the defaults, on a link that is several times as wide as what users have."""


def test_puts_that_take_longer_than_an_attempts_deadline_are_not_cut_off(
    server, bulkput, image, check
):
    source = image(24)
    with Link(server.port, bytes_per_s=3e6, delay_s=0.02) as link:
        result = bulkput(link, **DEADLINES).upload(source)
        sent = link.sent_bytes / (24 * BLOCK_SIZE_BYTES)
    check(server, result["snapshot_id"], source)
    assert result["puts"]["retried"] == 0
    assert sent < 1.05


def test_a_link_that_narrows_in_mid_run_costs_no_put(server, bulkput, image, check):
    source = image(40)
    with Link(server.port, bytes_per_s=20e6, delay_s=0.02) as link:
        with bulkput(link, **DEADLINES).start("upload", source) as running:
            until(lambda: link.sent_bytes > 20 * BLOCK_SIZE_BYTES)
            link.bytes_per_s = 2e6
            out, _ = running.communicate(timeout=60)
        check(server, json.loads(out)["snapshot_id"], source)
        sent = link.sent_bytes / (40 * BLOCK_SIZE_BYTES)
    assert sent < 1.05
