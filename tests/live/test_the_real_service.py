"""The real service, for a person with an account: costs up to 0.20 USD; see tests/README.md."""

import os
import sys
import time
import uuid
from pathlib import Path

import pytest
from live.account import Account, Limits
from live.check import QUESTIONS, ask_all, differences, keep
from support.served import Served

from bulkput.emulator.options import DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY

REGION = os.environ.get("AWS_REGION")
IS_WANTED = os.environ.get("BULKPUT_LIVE") == "1"
pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not IS_WANTED, reason="costs money: set BULKPUT_LIVE=1"),
    pytest.mark.skipif(not REGION, reason="set AWS_REGION"),
]


def ask_the_emulator(folder):
    served = Served(folder, body_timeout_s=1.0, completes_per_s=None)
    keys = (DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY)
    limits = Limits(settle_s=10, poll_s=0.01, idle_s=0.1, burst_puts=100)
    account = Account("us-east-1", "emulated", limits, served.url, keys)
    try:
        return ask_all(account, QUESTIONS, report=[].append)[0]
    finally:
        account.close()
        served.stop()


def test_the_service_answers_as_the_emulator_does(tmp_path, capsys):
    account = Account(REGION, uuid.uuid4().hex[:12], Limits())
    with capsys.disabled():
        results, interrupted, left = ask_all(account)
    path = Path(f"bulkput-live-{REGION}-{time.strftime('%Y%m%dT%H%M%S')}.json").absolute()
    keep(path, account, results)
    account.close()
    found = differences(results, ask_the_emulator(tmp_path / "root"))
    with capsys.disabled():
        sys.stdout.write("\n".join((f"\nevery answer is in {path}", *found, "")))
    assert (interrupted, left) == (False, [])
    assert found == []
