"""The check of the real service, run against the emulator: what it asks, costs and leaves."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest
from live import questions, questions_of_time
from live.account import TAG, Account, BudgetError, Limits
from live.check import QUESTIONS, ask_all, differences, expected_usd, keep, main, tokens_of
from support.served import Served

from bulkput.emulator.options import DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY

QUICK = Limits(settle_s=10, poll_s=0.01, idle_s=0.2, stall_s=5, burst_puts=300)


@pytest.fixture
def served(tmp_path):
    served = Served(tmp_path / "root", body_timeout_s=0.2, completes_per_s=None)
    yield served
    served.stop()


@pytest.fixture
def account(served):
    keys = (DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY)
    account = Account("us-east-1", "0123456789ab", QUICK, served.url, keys)
    yield account
    account.close()


def states(served):
    return set(served.states().values())


def test_every_question_is_answered_and_nothing_is_left(served, account, tmp_path):
    reports = []
    results, interrupted, left = ask_all(account, report=reports.append)
    assert (interrupted, left) == (False, [])
    measured = {name: each["measured"] for name, each in results.items()}
    failed = {name: each for name, each in measured.items() if "failed" in each}
    assert failed == {}
    assert set(results) == {each.__name__ for each in QUESTIONS}
    assert "0.20 USD" in reports[0]
    assert states(served) == {"gone"}
    assert 0 < account.spent_usd < 0.01
    facts = {name: each["facts"] for name, each in results.items()}
    assert facts["lists"] == {"ascending_and_complete": True, "token_lengths": [95]}
    assert facts["wrong_counts"]["checksum"] == ("error", "Checksum mismatch for snapshot")
    assert facts["wrong_counts"]["completed_again"] == "error"
    assert facts["tokens_of_clients"]["replayed_when_deleted"]
    assert facts["late_puts"] == {
        "status": 201,
        "content": "the late put's",
        "state": "completed",
    }
    assert facts["connections_after_errors"] == {
        "status": 400,
        "connection": "close",
        "retry_after": None,
        "server": None,
    }
    assert "Failed to read block data" in results["stalled_bodies"]["measured"]["body"]
    measured = results["bursts_of_puts"]["measured"]
    assert sum(measured["taken_in_each_tenth_of_a_second"]) + measured["throttles"] == 300

    path = tmp_path / "kept.json"
    keep(path, account, results)
    kept = json.loads(path.read_text())
    assert len(kept["answers"]) > 300
    assert DEFAULT_SECRET_KEY not in path.read_text()
    assert {"status", "headers", "body"} == set(kept["answers"][0])
    assert list(tokens_of([path]).values()) == [
        (kept["results"]["tokens_of_clients"]["measured"]["snapshot_id"], kept["asked_unix_s"])
    ]


def test_differences_are_named_and_measures_are_not_compared():
    service = {"q": {"facts": {"a": 1, "b": [2]}, "measured": {"s": 1}}}
    same = {"q": {"facts": {"a": 1, "b": [2]}, "measured": {"s": 9}}}
    assert differences(service, same) == []
    other = {"q": {"facts": {"a": 1, "b": [3]}, "measured": {}}}
    assert differences(service, other) == ["q.b: the service has [2], the emulator [3]"]
    assert len(differences(service, {})) == 2


@pytest.mark.parametrize("stop", [KeyboardInterrupt, BudgetError])
def test_what_was_made_is_deleted_after_an_interruption(served, account, stop):
    def interrupted(account):
        """Stop in the middle."""
        account.snapshot({0: bytes(524_288)})
        account.start()
        raise stop("enough")

    results, was_interrupted, left = ask_all(account, (interrupted,), report=[].append)
    assert (results, was_interrupted, left) == ({}, True, [])
    assert states(served) == {"gone"}


def test_a_question_that_fails_leaves_the_others(served, account):
    def failing(account):
        """Ask for what is refused."""
        account.start(0)

    asked = (failing, questions.default_encryption)
    results, interrupted, _ = ask_all(account, asked, report=[].append)
    assert not interrupted
    assert "ValidationException" in results["failing"]["measured"]["failed"]
    assert results["default_encryption"]["facts"] == {"sse_type": None}
    assert states(served) == {"gone"}


def test_only_what_carries_the_tag_of_the_run_is_deleted(served, account):
    theirs = account.ebs.start_snapshot(VolumeSize=1)["SnapshotId"]
    tags = [{"Key": TAG, "Value": "another-run"}]
    another = account.ebs.start_snapshot(VolumeSize=1, Tags=tags)["SnapshotId"]
    ours = account.start()["SnapshotId"]
    account.started.clear()
    assert account.delete_all() == []
    assert served.states() == {theirs: "pending", another: "pending", ours: "gone"}


def test_no_call_is_made_beyond_the_budget(served, account):
    account.spent_usd = 0.2
    snapshot_id = account.start()["SnapshotId"]
    with pytest.raises(BudgetError):
        account.put(snapshot_id, 0, bytes(524_288))
    assert served.emulator.stats.blocks_stored == 0
    assert expected_usd(Limits()) < 0.05


def test_a_later_run_learns_whether_its_tokens_are_remembered(account):
    first = questions.tokens_of_clients(account)["measured"]
    known = {first["token"]: (first["snapshot_id"], 0.0)}
    found = questions_of_time.earlier_tokens(account, known)["measured"][first["token"]]
    assert found["remembered"]
    assert found["age_h"] > 1000


def test_ctrl_c_ends_the_program_in_order(served, tmp_path):
    out = tmp_path / "kept.json"
    command = [sys.executable, "-m", "live.check", "--region", "us-east-1", "--out", str(out)]
    with subprocess.Popen(
        [*command, "--endpoint-url", served.url],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **served.environment(tmp_path), "PYTHONPATH": "tests"},
    ) as process:
        guard = threading.Timer(60, process.kill)
        guard.start()
        for line in process.stdout:
            if line.startswith("tokens_of_clients"):
                process.send_signal(signal.SIGINT)
                break
        rest = process.stdout.read()
        assert process.wait() == 1
        guard.cancel()
    assert "deleted; " in rest
    assert states(served) == {"gone"}
    assert "lists" in json.loads(out.read_text())["results"]


def test_the_program_asks_for_a_region(capsys):
    with pytest.raises(SystemExit):
        main(["--out", "x"])
    assert "--region" in capsys.readouterr().err
