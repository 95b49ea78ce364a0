"""The account: whose the credentials are, clock, encryption, quotas, pending snapshots. Pure."""

from collections.abc import Sequence

from bulkput.config.tuning import TuningSettings
from bulkput.config.volume import VolumeSettings
from bulkput.ebs.advice import PENDING_SNAPSHOTS_QUOTA, QUOTA_CODES
from bulkput.ebs.probe import CallerIdentity
from bulkput.ebs.quotas import PutQuotas
from bulkput.jobs.check.finding import Finding, answer_of, failure, ok, warning
from bulkput.jobs.session.rate_limits import RATE_DEFAULT_PUTS_PER_S
from bulkput.model.errors import BulkputError, ServiceError
from bulkput.model.exit_code import ExitCode
from bulkput.model.failure import FailureClass
from bulkput.model.zeros import ZeroPolicy

PENDING_DEFAULT = 100
"""The service's published quota of pending snapshots (L-94D7AB7D), not adjustable."""

_CROWDED = 0.8
"""From here on a few uploads of others are enough to reach the limit."""

_CLOCK_TOLERANCE_S = 60.0
"""A Date header has whole seconds and travels; signatures may be 5 minutes off (SigV4)."""

_ACCOUNT_CODE, _SNAPSHOT_CODE = QUOTA_CODES["PutSnapshotBlock"]


def identity(found: CallerIdentity | BulkputError) -> Finding:
    """Judge STS's answer: only a refusal of the keys themselves is a failure."""
    name = "identity"
    if isinstance(found, CallerIdentity):
        return ok(name, f"{found.arn} in account {found.account_id}")
    if isinstance(found, ServiceError) and found.failure is not FailureClass.SIGNATURE:
        advice = "Nothing to do: uploads do not need STS"
        return warning(name, answer_of(found), advice)
    what = answer_of(found) if isinstance(found, ServiceError) else str(found)
    advice = found.advice if isinstance(found, ServiceError) else ""
    return failure(name, what, advice, ExitCode.CREDENTIALS)


def clock(offset_s: float | None) -> Finding:
    """Judge what the service's clock is ahead of this machine's."""
    name = "clock"
    if offset_s is None:
        return warning(name, "no response gave the service's time", "Check that NTP works")
    if abs(offset_s) <= _CLOCK_TOLERANCE_S:
        return ok(name, f"within {max(abs(offset_s), 1.0):.0f} s of the service's")
    direction = "behind" if offset_s > 0 else "ahead of"
    what = f"{abs(offset_s):.0f} s {direction} the service's"
    return warning(
        name,
        what,
        "Set the clock (chrony, NTP); until then requests are signed with the service's time",
    )


def default_encryption(
    found: bool | BulkputError,  # noqa: FBT001 - an answer, not a flag
    volumes: Sequence[VolumeSettings],
) -> Finding:
    """Judge the account's encryption by default against what the volumes ask for."""
    name = "default encryption"
    if isinstance(found, BulkputError):
        what = answer_of(found) if isinstance(found, ServiceError) else str(found)
        advice = (
            "Allow ec2:GetEbsEncryptionByDefault on * to know before the start; "
            "uploads do not need it"
        )
        return warning(name, what, advice)
    if not found:
        return ok(name, "off: a snapshot is encrypted only if it asks for it")
    refused = [volume.label for volume in volumes if volume.snapshot.encrypted is False]
    if refused:
        return failure(
            name,
            f"on, which refuses `encrypted: false` of {', '.join(refused)}",
            "Leave `encrypted` out, or switch the account's default off",
            ExitCode.INTEGRITY,
        )
    skipping = [
        volume.label
        for volume in volumes
        if volume.zeros in {ZeroPolicy.SKIP, ZeroPolicy.SKIP_HOLES}
    ]
    if skipping:
        return failure(
            name,
            f"on: `zeros` of {', '.join(skipping)} would damage the snapshot",
            "Set `zeros: auto` or `write`",
            ExitCode.CONFIGURATION,
        )
    return ok(name, "on: every block is put, empty ones too")


def put_quotas(found: PutQuotas, tuning: TuningSettings) -> Finding:
    """Judge what Service Quotas reports against what is configured."""
    name = "put quotas"
    if found.snapshot_puts_per_s is None and found.account_puts_per_s is None:
        return warning(
            name,
            f"Service Quotas gives no value; {RATE_DEFAULT_PUTS_PER_S:g}/s are taken",
            "Allow servicequotas:GetServiceQuota, or set tuning.puts_per_s_account if the account "
            "has more",
        )
    rows = (
        ("a snapshot", found.snapshot_puts_per_s, tuning.puts_per_s_snapshot, _SNAPSHOT_CODE),
        ("the account", found.account_puts_per_s, tuning.puts_per_s_account, _ACCOUNT_CODE),
    )
    what = ", ".join(
        f"{of} {'unknown' if quota is None else f'{quota:,g}/s'} ({code})"
        for of, quota, _, code in rows
    )
    above = [
        f"{wanted:,g}/s are configured for {of}, {quota:,g}/s are allowed"
        for of, quota, wanted, _ in rows
        if quota is not None and wanted is not None and wanted > quota
    ]
    if above:
        return warning(name, "; ".join(above), "Leave tuning.puts_per_s_* out: the quota is used")
    return ok(name, what)


def pending_snapshots(found: int | BulkputError, limit: float | None, volume_count: int) -> Finding:
    """Judge how many more snapshots may be pending.

    Args:
        found: As EC2 counts them; ec2:DescribeSnapshots may be denied.
        limit: As Service Quotas reports; None for the published one.
        volume_count: How many more the job may need at a time, at least 1.
    """
    name, most = "pending snapshots", int(limit or PENDING_DEFAULT)
    if isinstance(found, BulkputError):
        advice = found.advice if isinstance(found, ServiceError) else ""
        what = answer_of(found) if isinstance(found, ServiceError) else str(found)
        return failure("ec2:DescribeSnapshots", what, advice, found.status)
    what = f"{found} of {most} (ec2:DescribeSnapshots is allowed)"
    advice = f"Complete or delete some (bulkput jobs, bulkput gc); quota {PENDING_SNAPSHOTS_QUOTA}"
    if found + volume_count > most:
        return failure(name, f"{what}, {volume_count} more needed", advice, ExitCode.QUOTA)
    if found >= _CROWDED * most:
        return warning(name, what, advice)
    return ok(name, what)
