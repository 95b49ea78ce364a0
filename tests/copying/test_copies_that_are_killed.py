"""``bulkput copy`` as a process that is ended from outside, and gone on with."""

import json
import os
import signal
import subprocess
import time

import pytest
from support.program import ForkedProgram

from bulkput import copy


@pytest.fixture
def slow_copy(options, tmp_path):
    """Start ``bulkput copy`` as a process that gets 20 blocks a second."""
    config = tmp_path / "slow.yaml"
    config.write_text("version: 1\ntuning:\n  gets_per_s_snapshot: 20\n  shutdown_grace: 1s\n")

    def start(snapshot_id):
        chosen = options(snapshot_id)
        return ForkedProgram(
            [
                *("copy", snapshot_id, "--config", str(config)),
                *("--region", chosen.region, "--profile", chosen.profile),
                *("--endpoint-url", chosen.endpoint_url, "--to-region", chosen.to_region),
                *("--to-profile", chosen.to_profile, "--to-endpoint-url", chosen.to_endpoint_url),
                *("--state-dir", str(chosen.state_dir), "--output", "json"),
            ],
            env=dict(os.environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def wait_for_puts(account, before, count):
    end_s = time.monotonic() + 60
    while account.served.emulator.account.stats.blocks_stored < before + count:
        assert time.monotonic() < end_s, "no block was put"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
async def test_the_same_copy_goes_on_after_the_process_was_ended(
    accounts, options, blocks, slow_copy, number
):
    here, there = accounts
    content = blocks(*range(40))
    snapshot_id = here.make(content)
    before = there.served.emulator.account.stats.blocks_stored
    process = slow_copy(snapshot_id)
    wait_for_puts(there, before, 5)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    outcome = await copy(options(snapshot_id))
    assert outcome.blocks["resumed"] >= 4
    assert outcome.blocks["resumed"] + outcome.blocks["put"] == 40
    assert there.read(outcome.snapshot_id) == content
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert json.loads(out)["snapshot_id"] == outcome.snapshot_id
        assert outcome.snapshot_id in err
