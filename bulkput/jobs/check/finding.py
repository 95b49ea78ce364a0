"""What one look before an upload found: a verdict, and what to do about it. Pure data."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bulkput.model.errors import BulkputError, ServiceError
from bulkput.model.exit_code import ExitCode


class CheckStatus(StrEnum):
    """How it is."""

    OK = "ok"
    WARNING = "warning"
    """An upload works, but less well than it could, or not in every case."""
    FAILURE = "failure"
    """An upload will not work."""
    SKIPPED = "skipped"
    """It was not looked at, for the reason given."""


@dataclass(frozen=True)
class Finding:
    """One line of the result."""

    name: str
    status: CheckStatus
    what: str
    advice: str = ""
    """What to do, where something is to be done."""
    exit_code: int = int(ExitCode.DONE)
    """Of a failure: what an upload would end with."""

    def as_dict(self) -> dict[str, Any]:
        """Return the documented JSON object."""
        return {**vars(self), "verdict": str(self.status)}


def ok(name: str, what: str) -> Finding:
    """Return that it is as it should be."""
    return Finding(name, CheckStatus.OK, what)


def warning(name: str, what: str, advice: str) -> Finding:
    """Return that it could be better."""
    return Finding(name, CheckStatus.WARNING, what, advice)


def failure(name: str, what: str, advice: str, exit_code: int) -> Finding:
    """Return that an upload would end with ``exit_code``."""
    return Finding(name, CheckStatus.FAILURE, what, advice, int(exit_code))


def skipped(name: str, why: str) -> Finding:
    """Return that it was not looked at."""
    return Finding(name, CheckStatus.SKIPPED, why)


def failed(name: str, error: BulkputError) -> Finding:
    """Return the failure that ``error`` is."""
    if isinstance(error, ServiceError):
        return failure(name, answer_of(error), error.advice, error.status)
    return failure(name, str(error), "", error.status)


def answer_of(error: ServiceError) -> str:
    """Return what the service answered, without the advice."""
    names = "/".join(str(part) for part in (error.http_status, error.code, error.reason) if part)
    return (
        f"{error.operation}: {names}: {error.what}" if names else f"{error.operation}: {error.what}"
    )


def worst(findings: Sequence[Finding]) -> CheckStatus:
    """Return the verdict on all of them."""
    verdicts = {finding.status for finding in findings}
    for verdict in (CheckStatus.FAILURE, CheckStatus.WARNING):
        if verdict in verdicts:
            return verdict
    return CheckStatus.OK
