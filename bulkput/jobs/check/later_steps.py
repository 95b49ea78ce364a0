"""The permissions of later steps, each tried by a dry run; only of steps that the job asks for.

EC2 looks at permissions before anything else in a dry run, so that any other refusal shows that
IAM lets the call pass. Systems Manager has no dry runs: its parameter is read.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from bulkput.config.images import ImageSettings
from bulkput.config.images_in_part import made_images
from bulkput.config.settings import JobSettings
from bulkput.config.volume import VolumeSettings
from bulkput.ebs.account_calls import AccountCalls
from bulkput.ebs.probe import NO_SNAPSHOT
from bulkput.jobs.check.finding import Finding, answer_of, failed, failure, ok, warning
from bulkput.model.errors import BulkputError, ServiceError
from bulkput.model.exit_code import ExitCode
from bulkput.model.failure import FailureClass

_NO_IMAGE = "ami-00000000000000000"
_LATER = datetime(2099, 1, 1, tzinfo=UTC)
_REFUSED = frozenset({FailureClass.ACCESS_DENIED, FailureClass.SIGNATURE})
_UNANSWERED = frozenset(
    {FailureClass.TRANSIENT, FailureClass.STALLED, FailureClass.THROTTLED_ACCOUNT}
)

Run = Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]


class Trial(NamedTuple):
    """A call that shows whether one action is allowed."""

    operation: str
    region: str
    parameters: Mapping[str, Any]
    service: str = "ec2"


def trials_of(settings: JobSettings, region: str) -> list[Trial]:
    """Return the calls that the job's later steps need, each once.

    Args:
        settings: The job.
        region: Its own Region.
    """
    found = {(each.operation, each.region): each for each in _trials(settings, region)}
    return list(found.values())


def _trials(settings: JobSettings, region: str) -> Iterator[Trial]:
    for volume in settings.volumes:
        yield from _trials_of_volume(volume, region)
    for image in made_images(settings):
        for copy in image.regions:
            yield _copy(copy.region, region)
        for each in (region, *(copy.region for copy in image.regions)):
            yield from _trials_of_image(image, each)


def _trials_of_volume(volume: VolumeSettings, region: str) -> Iterator[Trial]:
    one = {"SnapshotId": NO_SNAPSHOT}
    if volume.share.is_wanted:
        shared = {**one, "Attribute": "createVolumePermission", "OperationType": "add"}
        yield Trial("ModifySnapshotAttribute", region, {**shared, "GroupNames": ["all"]})
    if volume.lock is not None:
        yield Trial("LockSnapshot", region, {**one, "LockMode": "governance"})
    if volume.fast_restore:
        zones = {"AvailabilityZones": list(volume.fast_restore)}
        restored = {**zones, "SourceSnapshotIds": [NO_SNAPSHOT]}
        yield Trial("EnableFastSnapshotRestores", region, restored)
    if volume.create_volume is not None:
        zone = {"AvailabilityZone": volume.create_volume.availability_zone}
        yield Trial("CreateVolume", region, {**one, **zone})
    for copy in volume.regions:
        yield _copy(copy.region, region)


def _trials_of_image(image: ImageSettings, region: str) -> Iterator[Trial]:
    # Of a snapshot that cannot exist: a server that knows no dry runs shall not register anything.
    disk = {"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": NO_SNAPSHOT}}
    yield Trial("RegisterImage", region, {"Name": image.name, "BlockDeviceMappings": [disk]})
    if image.share.is_wanted:
        yield Trial("ModifyImageAttribute", region, {"ImageId": _NO_IMAGE})
    if image.deprecate_after_s is not None:
        yield Trial("EnableImageDeprecation", region, {"ImageId": _NO_IMAGE, "DeprecateAt": _LATER})
    if image.replace or image.keep is not None:
        yield Trial("DeregisterImage", region, {"ImageId": _NO_IMAGE})
    if image.keep is not None:
        yield Trial("DeleteSnapshot", region, {"SnapshotId": NO_SNAPSHOT})
    if image.ssm_parameter is not None:
        yield Trial("GetParameter", region, {"Name": image.ssm_parameter}, "ssm")


def _copy(region: str, source_region: str) -> Trial:
    source = {"SourceRegion": source_region, "SourceSnapshotId": NO_SNAPSHOT}
    return Trial("CopySnapshot", region, source)


async def look_at_trial(trial: Trial, calls: AccountCalls, run: Run) -> Finding:
    """Judge one action by what its trial is answered with."""
    name = f"{trial.service}:{trial.operation} in {trial.region}"
    is_dry = trial.service == "ec2"
    how = "a dry run" if is_dry else "the parameter is read; whether it may be set is not known"
    parameters = {**trial.parameters, "DryRun": True} if is_dry else trial.parameters

    async def attempt() -> None:
        await calls.call(trial.operation, parameters, region=trial.region, service=trial.service)

    try:
        await run(attempt)
    except ServiceError as error:
        if error.failure in _UNANSWERED:
            advice = "Run the check again: it could not be determined"
            return warning(name, answer_of(error), advice)
        if error.failure in _REFUSED:
            what = f"denied ({how}): {answer_of(error)}"
            return failure(name, what, error.advice, ExitCode.CREDENTIALS)
    except BulkputError as error:
        return failed(name, error)
    return ok(name, f"not denied ({how})")
