"""From an exception to one sentence and an exit code.

Owns which of several errors matters most, and the words for unexpected errors. Pure: prints
nothing.
"""

import signal
import traceback
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from bulkput.model.errors import BulkputError
from bulkput.model.exit_code import ExitCode
from bulkput.model.interruption import InterruptedBySignal
from bulkput.model.shortage import shortage_of
from bulkput.observe.plain import masked, plain

_IMPORTANCE = (
    ExitCode.INTEGRITY,
    ExitCode.SOURCE,
    ExitCode.CREDENTIALS,
    ExitCode.CONFIGURATION,
    ExitCode.QUOTA,
    ExitCode.MACHINE,
    ExitCode.USAGE,
    ExitCode.UNEXPECTED,
    ExitCode.SOME_VOLUMES_FAILED,
    ExitCode.TEMPORARY,
)
"""What somebody must act on comes before what passes by itself."""


def gravest(statuses: Iterable[int]) -> int:
    """Return the exit code that matters most; 0 of none."""
    return min(statuses, key=lambda status: _IMPORTANCE.index(ExitCode(status)), default=0)


class Failure(NamedTuple):
    """How the program ends when it does not end well."""

    sentence: str
    status: int
    snapshot_id: str | None = None
    details: tuple[str, ...] = ()
    """For ``--verbose``: the other errors, and the tracebacks of unexpected errors."""


def explain(error: BaseException, environment: Mapping[str, str]) -> Failure:
    """Return the sentence and exit code for ``error``, the most important one of a group first."""
    leaves = sorted(_leaves(error), key=_rank)
    chief, others = leaves[0], leaves[1:]
    sentence = _sentence(chief)
    if others:
        sentence += f" (and {len(others)} more; --verbose shows them)"
    details = [_trace(each) for each in leaves if not _foreseen(each)]
    details += [_sentence(each) for each in others if _foreseen(each)]
    snapshot_id: Any = getattr(chief, "snapshot_id", None)
    return Failure(
        sentence=plain(masked(sentence, environment)),
        status=_status(chief),
        snapshot_id=snapshot_id if isinstance(snapshot_id, str) else None,
        details=tuple(plain(masked(detail, environment)) for detail in details),
    )


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors of nested groups in their order."""
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if isinstance(each, BaseExceptionGroup):
            waiting.extend(reversed(each.exceptions))
        else:
            yield each


def _foreseen(error: BaseException) -> bool:
    return isinstance(error, (BulkputError, KeyboardInterrupt)) or shortage_of(error) is not None


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)).removesuffix("\n")


def _status(error: BaseException) -> int:
    if isinstance(error, BulkputError):
        return error.status
    if isinstance(error, KeyboardInterrupt):
        return 128 + signal.SIGINT
    if shortage_of(error) is not None or isinstance(error, OSError):
        return int(ExitCode.MACHINE)
    return int(ExitCode.UNEXPECTED)


def _rank(error: BaseException) -> int:
    if isinstance(error, (InterruptedBySignal, KeyboardInterrupt)):
        return -1
    return _IMPORTANCE.index(ExitCode(_status(error)))


def _sentence(error: BaseException) -> str:
    if isinstance(error, BulkputError):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return "stopped by SIGINT"
    shortage = shortage_of(error)
    if shortage is not None:
        return f"{shortage}. Then run the same command again: it resumes"
    if isinstance(error, OSError):
        # A call to the system that failed outside every place that expects it: not ours to mend.
        return (
            f"the system refused a call: {error}. When that is mended, run the same command again: "
            "it resumes; --verbose shows which call"
        )
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return (
        f"unexpected {what}. This is a bug in bulkput: "
        "please report it with the output of --verbose"
    )
