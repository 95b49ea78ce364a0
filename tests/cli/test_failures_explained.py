"""From exceptions to one sentence and an exit code."""

import asyncio
from pathlib import Path

import pytest

from bulkput.cli.failure import explain
from bulkput.model.errors import (
    ConfigError,
    CredentialsError,
    Problem,
    ServiceError,
    SnapshotError,
    SourceError,
    TemporaryError,
    UsageError,
)
from bulkput.model.exit_code import ExitCode
from bulkput.model.failure import FailureClass
from bulkput.model.interruption import InterruptedBySignal

CANARY = "CANARY/secret+key0123456789"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UsageError("no"), 2),
        (ConfigError((Problem("region", "is required"),)), 3),
        (CredentialsError("none found"), 4),
        (TemporaryError("the network is gone"), 5),
        (SourceError(Path("/dev/sdb"), "cannot be read"), 6),
        (SnapshotError("snap-1", "ended in error"), 7),
        (ServiceError("StartSnapshot", FailureClass.QUOTA, "too many"), 9),
        (InterruptedBySignal(15), 143),
        (KeyboardInterrupt(), 130),
    ],
)
def test_what_bulkput_explains_keeps_its_sentence_and_code(error, status):
    failure = explain(error, {})
    assert failure.status == status
    assert "report" not in failure.sentence
    assert failure.details == ()


@pytest.mark.parametrize("error", [KeyError("x"), asyncio.CancelledError()])
def test_what_nobody_foresaw_asks_for_a_report(error):
    failure = explain(error, {})
    assert failure.status == ExitCode.UNEXPECTED
    assert type(error).__name__ in failure.sentence
    assert "report" in failure.sentence
    assert "Error" in failure.details[0]


def test_of_a_group_the_error_that_somebody_must_act_on_comes_first():
    group = ExceptionGroup(
        "tasks",
        [
            TemporaryError("reset"),
            ExceptionGroup("inner", [SourceError("/disk", "cannot be read")]),
            CredentialsError("denied"),
        ],
    )
    failure = explain(group, {})
    assert failure.status == ExitCode.SOURCE
    assert failure.sentence == "/disk: cannot be read (and 2 more; --verbose shows them)"
    assert failure.details == ("denied", "reset")


def test_a_signal_explains_whatever_else_broke_on_the_way_out():
    group = BaseExceptionGroup("tasks", [SourceError("/disk", "closed"), InterruptedBySignal(2)])
    assert explain(group, {}).status == 130


def test_every_exit_code_of_an_error_has_a_place_in_the_order():
    errors = [ServiceError("PutSnapshotBlock", failure, "x") for failure in FailureClass]
    assert explain(ExceptionGroup("all", errors), {}).status == ExitCode.INTEGRITY


def test_groups_in_groups_are_opened():
    error: BaseException = TemporaryError("deep")
    for _ in range(100):
        error = ExceptionGroup("nest", [error])
    assert explain(error, {}).sentence == "deep"


def test_secrets_are_in_neither_sentence_nor_traceback():
    failure = explain(ValueError(f"bad header {CANARY}"), {"AWS_SECRET_ACCESS_KEY": CANARY})
    assert "bad header ****" in failure.sentence
    assert CANARY not in "".join(failure.details)


def test_messages_of_others_cannot_steer_the_terminal():
    assert "\x1b" not in explain(TemporaryError("reset \x1b[2J"), {}).sentence


def test_what_happened_can_be_reported_without_what_to_do_and_without_a_second_full_stop():
    error = ServiceError(
        "StartSnapshot",
        FailureClass.TRANSIENT,
        "Connection was closed.",
        advice="Running again resumes",
    )
    assert error.occurrence == "StartSnapshot failed: Connection was closed"
    assert str(error) == f"{error.occurrence}. Running again resumes"
