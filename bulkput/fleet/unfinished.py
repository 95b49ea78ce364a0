"""Outcomes of volumes that did not come to an end of their own."""

from dataclasses import replace

from bulkput.fleet.protocol import Order
from bulkput.fleet.retries import LOST
from bulkput.model.exit_code import ExitCode
from bulkput.model.outcome import NOT_STARTED, STOPPED, VolumeOutcome
from bulkput.model.progress import Progress


def failed(
    order: Order, error: str, exit_code: int, progress: Progress | None = None
) -> VolumeOutcome:
    """Return the outcome of a volume whose process failed, or could not begin."""
    return _outcome(order, "failed", error, exit_code, progress or Progress(order.volume))


def stopped(order: Order, why: str, progress: Progress) -> VolumeOutcome:
    """Return the outcome of one that was stopped in order, because of ``why``, a clause."""
    error = f"stopped, because {why}. The same command resumes it"
    return _outcome(order, STOPPED, error, ExitCode.TEMPORARY, progress)


def not_started(order: Order, why: str) -> VolumeOutcome:
    """Return the outcome of one of which nothing was begun, because of ``why``, a clause."""
    error = f"not started, because {why}. The same command resumes it"
    return _outcome(order, NOT_STARTED, error, ExitCode.TEMPORARY, Progress(order.volume))


def _outcome(
    order: Order, status: str, error: str, exit_code: int, progress: Progress
) -> VolumeOutcome:
    return VolumeOutcome(
        volume=order.volume,
        source=order.settings.volumes[0].source.shown,
        status=status,
        snapshot_id=progress.snapshot_id,
        blocks=progress.block_counts,
        puts=progress.put_counts,
        error=error,
        exit_code=int(exit_code),
    )


def presentable(outcome: VolumeOutcome, exit_code: int, host: str) -> VolumeOutcome:
    """Return an outcome with its host, and an exit code of the program's own table.

    Args:
        outcome: Of the attempt.
        exit_code: Also that of a signal, or `LOST`.
        host: Where the attempt was.
    """
    is_own = exit_code != LOST and exit_code <= max(ExitCode)
    code = exit_code if is_own else int(ExitCode.MACHINE)
    return replace(outcome, exit_code=code, host=host)
