"""The error tree, by who must act.

Every error keeps its facts as fields and builds its sentence from them: what happened, to what,
and what to do now. The exit code is part of the type.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from bulkput.model.exit_code import ExitCode
from bulkput.model.failure import FailureClass


class BulkputError(Exception):
    """Root of all errors that bulkput explains by itself."""

    exit_code: ClassVar[int] = ExitCode.UNEXPECTED

    ended: Sequence[Any] = ()
    """Outcomes of a job's volumes that had ended when it broke off."""

    @property
    def status(self) -> int:
        """The process's exit code for this error."""
        return int(self.exit_code)

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes by fields: not every one is made of its message."""
        return _restored, (type(self), self.args, self.__dict__)


def _restored(
    kind: type[BulkputError], args: tuple[Any, ...], fields: dict[str, Any]
) -> BulkputError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(fields)
    return error


class UsageError(BulkputError):
    """The command line asks for something that does not exist or fit together."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True)
class Problem:
    """One mistake in a configuration: where it stands and what was expected."""

    path: str
    """Dotted, as ``volumes[0].snapshot.tags``; empty for the whole document."""
    expected: str
    line: int | None = None
    """1-based line in the file, where known."""
    place: str = ""
    """Where it stands, if that is another file: ``/srv/inventory.csv row 7``."""

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line is not None else ""
        place = f"{self.place}: " if self.place else place
        return f"{place}{self.path}: {self.expected}" if self.path else f"{place}{self.expected}"


class ConfigError(BulkputError):
    """The configuration, from whatever place, cannot be used; carries every problem found."""

    exit_code = ExitCode.CONFIGURATION

    def __init__(self, problems: tuple[Problem, ...], origin: str = "") -> None:
        self.problems = problems
        self.origin = origin
        head = f"{origin}: " if origin else ""
        if len(problems) == 1:
            super().__init__(f"{head}{problems[0]}")
        else:
            lines = "".join(f"\n  {problem}" for problem in problems)
            super().__init__(f"{head}{len(problems)} problems{lines}")


class CredentialsError(BulkputError):
    """No usable credentials could be found or refreshed."""

    exit_code = ExitCode.CREDENTIALS


class TemporaryError(BulkputError):
    """The job stopped for a reason that may pass; the same command resumes it."""

    exit_code = ExitCode.TEMPORARY


class MachineError(BulkputError):
    """This machine has no more open files, threads or memory; the same command resumes."""

    exit_code = ExitCode.MACHINE


class SourceError(BulkputError):
    """The source cannot be read as asked, or is not what it was."""

    exit_code = ExitCode.SOURCE

    def __init__(
        self,
        path: Path | str,
        what: str,
        *,
        offset_bytes: int | None = None,
        length_bytes: int | None = None,
        block_index: int | None = None,
    ) -> None:
        self.path = Path(path)
        self.what = what
        self.offset_bytes = offset_bytes
        self.length_bytes = length_bytes
        self.block_index = block_index
        place = ""
        if block_index is not None:
            place += f" block {block_index}"
        if offset_bytes is not None:
            length = "" if length_bytes is None else f", {length_bytes} bytes"
            place += f" (offset {offset_bytes}{length})"
        super().__init__(f"{path}{place}: {what}")


class SourceInUseError(SourceError):
    """Somebody else may write to the source while it is read."""


class _FileError(BulkputError):
    """One file or folder cannot be used, or not as asked."""

    def __init__(self, path: Path, what: str) -> None:
        self.path = path
        self.what = what
        super().__init__(f"{path}: {what}")


class DestinationError(_FileError):
    """What a snapshot is to be written to cannot be used, or not as asked."""

    exit_code = ExitCode.CONFIGURATION


TargetError = DestinationError
"""The name in version 0.1; it goes with the release after the next."""


class IntegrityError(BulkputError):
    """Bytes have another digest than they should; nothing was sealed on that ground."""

    exit_code = ExitCode.INTEGRITY


class AnswerError(BulkputError):
    """An answer of the service that cannot be true; nothing was done on its word.

    It speaks of the answer alone: neither a snapshot nor a manifest is condemned by it.
    """

    exit_code = ExitCode.INTEGRITY

    def __init__(self, operation: str, what: str, *, snapshot_id: str | None = None) -> None:
        self.operation = operation
        self.what = what
        self.snapshot_id = snapshot_id
        subject = f" of {snapshot_id}" if snapshot_id else ""
        super().__init__(f"the answer to {operation}{subject} cannot be true: {what}")


class SnapshotError(BulkputError):
    """The snapshot ended in ``error``, vanished, or refuses what the job needs."""

    exit_code = ExitCode.INTEGRITY

    def __init__(self, snapshot_id: str, what: str) -> None:
        self.snapshot_id = snapshot_id
        self.what = what
        super().__init__(f"{snapshot_id}: {what}")


class LedgerError(_FileError):
    """A ledger cannot be used: locked, of another version, or of another source."""

    exit_code = ExitCode.CONFIGURATION


class InUseError(LedgerError):
    """Another process or host works on it: later it may be free, or done."""


class ManifestError(_FileError):
    """A manifest cannot be used: missing, of another version, or of another snapshot."""

    exit_code = ExitCode.CONFIGURATION


class DamagedManifestError(ManifestError):
    """A manifest's bytes have another checksum than it records."""

    exit_code = ExitCode.INTEGRITY


_EXIT_CODES: dict[FailureClass, ExitCode] = {
    FailureClass.TRANSIENT: ExitCode.TEMPORARY,
    FailureClass.UNREACHABLE: ExitCode.TEMPORARY,
    FailureClass.NO_SUCH_HOST: ExitCode.CONFIGURATION,
    FailureClass.PROXY_REFUSED: ExitCode.CREDENTIALS,
    FailureClass.STALLED: ExitCode.TEMPORARY,
    FailureClass.THROTTLED_ACCOUNT: ExitCode.TEMPORARY,
    FailureClass.THROTTLED_SNAPSHOT: ExitCode.TEMPORARY,
    FailureClass.NOT_YET_VISIBLE: ExitCode.INTEGRITY,
    FailureClass.CHECKSUM_MISMATCH: ExitCode.INTEGRITY,
    FailureClass.SIGNATURE: ExitCode.CREDENTIALS,
    FailureClass.UNDOCUMENTED: ExitCode.TEMPORARY,
    FailureClass.CONCURRENT_LIMIT: ExitCode.QUOTA,
    FailureClass.ACCESS_DENIED: ExitCode.CREDENTIALS,
    FailureClass.KEY_UNUSABLE: ExitCode.CREDENTIALS,
    FailureClass.INVALID: ExitCode.INTEGRITY,
    FailureClass.CONFLICT: ExitCode.CONFIGURATION,
    FailureClass.GONE: ExitCode.INTEGRITY,
    FailureClass.QUOTA: ExitCode.QUOTA,
}


class ServiceError(BulkputError):
    """One failed call of the service, classified; what a retry policy looks at."""

    def __init__(  # noqa: PLR0913 - facts, each by its name
        self,
        operation: str,
        failure: FailureClass,
        what: str,
        *,
        advice: str = "",
        snapshot_id: str | None = None,
        block_index: int | None = None,
        http_status: int | None = None,
        code: str | None = None,
        reason: str | None = None,
        request_id: str | None = None,
        server_unix_s: float | None = None,
        attempts: int = 1,
    ) -> None:
        self.operation = operation
        self.failure = failure
        self.what = what
        self.advice = advice
        self.snapshot_id = snapshot_id
        self.block_index = block_index
        self.http_status = http_status
        self.code = code
        self.reason = reason
        self.request_id = request_id
        self.server_unix_s = server_unix_s
        """The answer's Date, where it had one: the time of the service's clock."""
        self.attempts = attempts
        super().__init__()

    @property
    def status(self) -> int:
        return int(_EXIT_CODES[self.failure])

    def __str__(self) -> str:
        return f"{self.occurrence}. {self.advice}" if self.advice else self.occurrence

    @property
    def occurrence(self) -> str:
        """What happened, to what, without what to do: for a call that is repeated anyway."""
        target = "".join(
            f" {part}"
            for part in (
                self.snapshot_id,
                None if self.block_index is None else f"block {self.block_index}",
            )
            if part
        )
        names = "/".join(str(part) for part in (self.http_status, self.code, self.reason) if part)
        tries = f" after {self.attempts} attempts" if self.attempts > 1 else ""
        request = f" (request {self.request_id})" if self.request_id else ""
        what = self.what.rstrip(".")  # the service ends some messages so, and others not
        answer = f"{names}: {what}" if names else what
        return f"{self.operation}{target} failed{tries}: {answer}{request}"
