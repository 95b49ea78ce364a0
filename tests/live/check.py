"""Asks a real account what the contract leaves open; see tests/README.md.

Reports the cost before it begins, keeps every answer in a file, and deletes what it made by its
tag at the end, after Ctrl-C and SIGTERM too.
"""

import argparse
import contextlib
import json
import signal
import sys
import time
import uuid
from functools import partial
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from live import questions, questions_of_time, volumes
from live.account import BUDGET_USD, TAG, USD_PER_CALL, Account, BudgetError, Limits

QUESTIONS = (
    questions.lists,
    questions.default_encryption,
    questions.children_of_another_size,
    questions.public_snapshots,
    questions.tokens_of_clients,
    questions.wrong_counts,
    questions.late_puts,
    questions.connections_after_errors,
    volumes.children_of_volume_snapshots,
    questions_of_time.lag_of_the_direct_side,
    questions_of_time.stalled_bodies,
    questions_of_time.bursts_of_puts,
    questions_of_time.idle_connections,
)
_OTHER_PUTS = 200


def expected_usd(limits):
    """Return about what the questions cost."""
    return (limits.burst_puts + _OTHER_PUTS) * USD_PER_CALL["PutSnapshotBlock"]


def ask_all(account, asked=QUESTIONS, report=print):
    """Ask every question and delete what was made, however it ends.

    Returns:
        Answers by the questions' names, whether it was interrupted, and what could not be deleted.
    """
    report(
        f"{account.region}: {len(asked)} questions, about {expected_usd(account.limits):.2f} USD "
        f"and never more than {BUDGET_USD:.2f} USD; everything is tagged "
        f"{TAG}={account.run_id} and deleted at the end, after Ctrl-C too"
    )
    results, interrupted = {}, False
    try:
        with _termination_as_interrupt():
            for question in asked:
                name = getattr(question, "__name__", None) or question.func.__name__
                report(f"{name}: {(question.__doc__ or '').splitlines()[0]}")
                results[name] = _ask(question, account)
    except (KeyboardInterrupt, BudgetError) as error:
        interrupted = True
        report(f"stopped: {error or 'interrupted'}; deleting what was made")
    finally:
        with _undisturbed():
            left = account.delete_all()
    report(f"deleted; {account.spent_usd:.4f} USD" if not left else f"NOT deleted: {left}")
    return results, interrupted, left


def _ask(question, account):
    """Return a question's answer; one that fails leaves the others."""
    try:
        return question(account)
    except ClientError as error:
        failed = {"failed": str(error), "reason": error.response.get("Reason")}
    except (BotoCoreError, OSError) as error:
        failed = {"failed": f"{type(error).__name__}: {error}"}
    return {"facts": {}, "measured": failed}


@contextlib.contextmanager
def _termination_as_interrupt():
    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _undisturbed():
    """Ignore further signals while things are deleted."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def differences(service, emulator):
    """Return a line for each fact in which the two differ."""
    return [
        f"{name}.{fact}: the service has {value!r}, the emulator {other!r}"
        for name, answer in service.items()
        for fact, value in answer["facts"].items()
        if (other := emulator.get(name, {}).get("facts", {}).get(fact)) != value
    ]


def keep(path, account, results):
    """Write what was found, and every answer as it came."""
    found = {"region": account.region, "run": account.run_id, "asked_unix_s": time.time()}
    found |= {"results": results, "answers": account.record()}
    path.write_text(json.dumps(found, indent=1, default=str) + "\n", encoding="utf-8")


def tokens_of(paths):
    """Return the client tokens of earlier runs, with their snapshots and ages."""
    tokens = {}
    for path in paths:
        kept = json.loads(path.read_text(encoding="utf-8"))
        asked = kept["results"].get("tokens_of_clients", {}).get("measured", {})
        if "token" in asked:
            tokens[asked["token"]] = (asked["snapshot_id"], kept["asked_unix_s"])
    return tokens


def main(arguments=None):
    """Return 0 if all was asked and deleted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--region", required=True)
    parser.add_argument("--endpoint-url")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--earlier", type=Path, nargs="*", default=[])
    parser.add_argument("--idle-s", type=float, default=Limits.idle_s)
    wanted = parser.parse_args(arguments)
    limits = Limits(idle_s=wanted.idle_s)
    account = Account(wanted.region, uuid.uuid4().hex[:12], limits, wanted.endpoint_url)
    asked = QUESTIONS
    if wanted.earlier:
        earlier = partial(questions_of_time.earlier_tokens, earlier=tokens_of(wanted.earlier))
        asked = (*QUESTIONS, earlier)
    report = partial(print, flush=True)
    results, interrupted, left = ask_all(account, asked, report)
    keep(wanted.out, account, results)
    account.close()
    return 1 if interrupted or left else 0


if __name__ == "__main__":
    sys.exit(main())
