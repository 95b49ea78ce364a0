"""The IAM actions that an upload needs, each tried by a call that changes nothing.

A call on a snapshot that cannot exist is refused for what is missing: the permission, or the
snapshot. The second shows that IAM let it pass.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bulkput.config.volume import VolumeSettings
from bulkput.ebs.probe import Probe
from bulkput.jobs.check.finding import (
    Finding,
    answer_of,
    failed,
    failure,
    ok,
    skipped,
    warning,
)
from bulkput.model.errors import BulkputError, ServiceError
from bulkput.model.exit_code import ExitCode
from bulkput.model.failure import FailureClass

NeededBy = Callable[[VolumeSettings], bool]


@dataclass(frozen=True)
class Action:
    """One IAM action."""

    name: str
    probe: Callable[[Probe], Awaitable[None]]
    how: str
    """The harmless call, in words."""
    needed_by: NeededBy
    """Whether a volume cannot do without it."""
    else_for: str
    """What else needs it."""
    aws_only: bool = False


def _always(_: VolumeSettings) -> bool:
    return True


def _never(_: VolumeSettings) -> bool:
    return False


_GHOST = "a snapshot that cannot exist"

ACTIONS: tuple[Action, ...] = (
    Action(
        "ebs:StartSnapshot",
        Probe.start,
        "a start with contradictory parameters, which cannot succeed",
        _always,
        "every upload",
    ),
    Action("ebs:PutSnapshotBlock", Probe.put, f"a put into {_GHOST}", _always, "every upload"),
    Action("ebs:CompleteSnapshot", Probe.complete, f"the end of {_GHOST}", _always, "every upload"),
    Action(
        "ebs:ListSnapshotBlocks",
        Probe.list_blocks,
        f"the list of {_GHOST}",
        lambda volume: volume.verify != "none",
        "`verify`, parents whose manifest is not here, bulkput verify, download and copy",
    ),
    Action(
        "ebs:GetSnapshotBlock",
        Probe.get,
        f"a block of {_GHOST}",
        lambda volume: volume.verify != "none",
        "`verify`, parents whose manifest is not here, bulkput verify, download and copy",
    ),
    Action(
        "ebs:ListChangedBlocks",
        Probe.list_changed_blocks,
        f"the changes of {_GHOST}",
        _never,
        "bulkput diff, download --changed-since and copies that are increments",
    ),
    Action(
        "ec2:DeleteSnapshot",
        Probe.delete,
        f"a dry run on {_GHOST}",
        lambda volume: volume.on_failure == "delete",
        "`on_failure: delete`, bulkput abort and bulkput gc",
    ),
    Action(
        "ec2:CreateTags",
        Probe.tag,
        f"a dry run on {_GHOST}",
        lambda volume: bool(volume.snapshot.tags),
        "tags, and the tag by which bulkput gc finds snapshots",
        aws_only=True,
    ),
)
"""Beside ec2:DescribeSnapshots, which is called in earnest for the pending snapshots."""

_UNANSWERED = frozenset(
    {
        FailureClass.TRANSIENT,
        FailureClass.STALLED,
        FailureClass.UNREACHABLE,
        FailureClass.NO_SUCH_HOST,
        FailureClass.THROTTLED_ACCOUNT,
        FailureClass.THROTTLED_SNAPSHOT,
        FailureClass.UNDOCUMENTED,
        FailureClass.CHECKSUM_MISMATCH,
    }
)
"""Failures that show nothing about permissions."""

_REFUSED = frozenset(
    {FailureClass.ACCESS_DENIED, FailureClass.SIGNATURE, FailureClass.PROXY_REFUSED}
)


async def look_at_action(
    action: Action,
    volumes: Sequence[VolumeSettings],
    run: Callable[[Callable[[], Awaitable[None]]], Awaitable[None]],
    probe: Probe,
    *,
    is_aws: bool,
) -> Finding:
    """Judge one action.

    Args:
        action: The action.
        volumes: Of the job; empty where there is none, and then only what every upload needs fails.
        run: Repeats a call as its failures ask for.
        probe: Makes the calls.
        is_aws: Whether the endpoint is AWS's own.
    """
    if action.aws_only and not is_aws:
        return skipped(action.name, "the endpoint is not AWS's own and knows no such call")
    allowed = ok(action.name, f"not denied ({action.how})")
    try:
        await run(lambda: action.probe(probe))
    except ServiceError as error:
        if error.failure in _UNANSWERED:
            return warning(
                action.name, answer_of(error), "Run the check again: it could not be determined"
            )
        if error.failure not in _REFUSED:
            return allowed
        return _denied(action, error, volumes)
    except BulkputError as error:
        return failed(action.name, error)
    return allowed


def _denied(action: Action, error: ServiceError, volumes: Sequence[VolumeSettings]) -> Finding:
    what = f"denied ({action.how}): {answer_of(error)}"
    needed = action.needed_by is _always or any(action.needed_by(volume) for volume in volumes)
    if needed:
        return failure(action.name, what, error.advice, ExitCode.CREDENTIALS)
    return warning(action.name, what, f"{error.advice}. It is needed only for {action.else_for}")
