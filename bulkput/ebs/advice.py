"""What the user should do about a failed call, in one sentence.

Words only: the class of the failure has been decided by ``classify``. Names IAM actions, KMS
actions and quota codes; a sentence never repeats what the service said.
"""

from bulkput.model.failure import FailureClass as Failure
from bulkput.network.partitions import partition_of

_SNAPSHOT_ACTION = (
    "Allow {action} on arn:{partition}:ec2:{region}::snapshot/* (the account field stays empty: "
    "a filled one denies)"
)
_EC2_ACTION = "Allow {action} on {resource}"

_EC2_RESOURCES = {
    "DescribeSnapshots": "*",
    "DeleteSnapshot": "arn:{partition}:ec2:{region}::snapshot/*",
    "CreateTags": "arn:{partition}:ec2:{region}::snapshot/*",
}
"""DescribeSnapshots knows no resources (Service Authorization Reference, EC2)."""

_SERVICES = {
    "GetParameter": "ssm",
    "PutParameter": "ssm",
    "DescribeKey": "kms",
    "GetCallerIdentity": "sts",
}
"""Operations of other services than the EBS direct APIs, which QUOTA_CODES has, and EC2."""

QUOTA_CODES = {
    "PutSnapshotBlock": ("L-AFAE1BE8", "L-1774F84A"),
    "GetSnapshotBlock": ("L-C125AE42", "L-028ACFB9"),
    "ListSnapshotBlocks": ("L-18E976AB", ""),
    "ListChangedBlocks": ("L-DB2FBAA1", ""),
    "StartSnapshot": ("L-AFEBDF7A", ""),
    "CompleteSnapshot": ("L-1D4D9345", ""),
}
"""Service Quotas of the EBS direct APIs: of the account, of one snapshot."""

PENDING_SNAPSHOTS_QUOTA = "L-94D7AB7D"

_FIXED: dict[Failure, str] = {
    Failure.UNREACHABLE: "Check the endpoint, its port and the way there",
    Failure.NO_SUCH_HOST: "Check the Region's and the endpoint's name, and this machine's DNS",
    Failure.PROXY_REFUSED: "Check HTTPS_PROXY and NO_PROXY: the proxy refuses the way",
    Failure.TRANSIENT: "This may pass: running the same command again resumes",
    Failure.STALLED: "This may pass: running the same command again resumes",
    Failure.NOT_YET_VISIBLE: (
        "A snapshot is found within two minutes of its start; later it has timed out, failed or "
        "been deleted: running again makes a new one"
    ),
    Failure.CHECKSUM_MISMATCH: (
        "The bytes changed between hashing and sending: check that nothing writes to the source, "
        "and the machine's memory"
    ),
    Failure.SIGNATURE: (
        "Check that the credentials are valid and the machine's clock is right (NTP)"
    ),
    Failure.UNDOCUMENTED: "This may pass: running the same command again resumes",
    Failure.CONCURRENT_LIMIT: (
        "Complete or delete pending snapshots, or wait: an account may have 100 "
        f"(Service Quotas {PENDING_SNAPSHOTS_QUOTA})"
    ),
    Failure.INVALID: "The request can never succeed as it is: correct the value that is named",
    Failure.CONFLICT: (
        "The client token was used with other parameters: use another token, or the same parameters"
    ),
    Failure.GONE: "The snapshot was deleted or never existed: running again makes a new one",
}

_BY_CODE = {
    "InvalidAMIName.Duplicate": "An image of this name exists: choose another name, or `replace`",
    "IdempotentParameterMismatch": "It was begun with other values: run again with those",
    "ResourceLimitExceeded": (
        "Wait for other copies to end, or ask for a higher quota: 20 copies to one Region at a time"
    ),
}
"""Where the code says more than its class."""
_GONE_SINCE = "It was deleted meanwhile: running the same command again makes what is missing"
_EXPIRED_CODES = frozenset({"ExpiredToken", "ExpiredTokenException"})
_EXPIRED = (
    "The session token has expired: renew the credentials (`aws sso login`, the role, the "
    "environment), then run the same command again: what was put stays"
)

_KEY = (
    "The KMS key{key} must exist in {region}, be enabled, and allow kms:GenerateDataKey*, "
    "kms:Decrypt, kms:ReEncrypt*, kms:CreateGrant and kms:DescribeKey with kms:ViaService "
    "ec2.{region}.{suffix}"
)


def advice(
    operation: str,
    failure: Failure,
    *,
    region: str = "<region>",
    tagged: bool = False,
    kms_key: str | None = None,
    code: str | None = None,
) -> str:
    """Return what to do now, one sentence without its full stop.

    Args:
        operation: As ``PutSnapshotBlock`` or ``DescribeSnapshots``.
        failure: What ``classify`` returned.
        region: The Region asked, for ARNs.
        tagged: StartSnapshot carried tags, which takes an action more.
        kms_key: The key's ARN, where it is known.
        code: The error's code, where the answer named one.
    """
    if failure is Failure.ACCESS_DENIED:
        return _missing_action(operation, region, tagged=tagged)
    if failure is Failure.KEY_UNUSABLE:
        key = f" {kms_key}" if kms_key else " of the snapshot"
        return _KEY.format(key=key, region=region, suffix=partition_of(region).suffixes[0])
    if failure in {Failure.THROTTLED_ACCOUNT, Failure.THROTTLED_SNAPSHOT, Failure.QUOTA}:
        return _quota(operation, failure)
    if failure is Failure.SIGNATURE and code in _EXPIRED_CODES:
        return _EXPIRED
    if code in _BY_CODE:
        return _BY_CODE[code]
    if failure is Failure.GONE and code is not None and "Snapshot" not in code:
        return _GONE_SINCE
    return _FIXED[failure]


def _missing_action(operation: str, region: str, *, tagged: bool) -> str:
    partition = partition_of(region).name
    if operation not in QUOTA_CODES:
        resource = _EC2_RESOURCES.get(operation, "*").format(region=region, partition=partition)
        action = f"{_SERVICES.get(operation, 'ec2')}:{operation}"
        return _EC2_ACTION.format(action=action, resource=resource)
    action = f"ebs:{operation}"
    if tagged:
        action += " and, for the tags, ec2:CreateTags"
    return _SNAPSHOT_ACTION.format(action=action, region=region, partition=partition)


def _quota(operation: str, failure: Failure) -> str:
    account_code, snapshot_code = QUOTA_CODES.get(operation, ("", ""))
    rate = "gets_per_s" if operation == "GetSnapshotBlock" else "puts_per_s"
    if failure is Failure.QUOTA:
        name = f" ({account_code})" if account_code else ""
        return f"Check the account's Service Quotas for EBS{name} and ask for an increase"
    if failure is Failure.THROTTLED_SNAPSHOT:
        name = f" (quota {snapshot_code}, not adjustable)" if snapshot_code else ""
        return f"Lower tuning.{rate}_snapshot{name}"
    if not account_code:
        return "Other programs use up the account's request rate: try again later"
    return f"Lower tuning.{rate}_account, or ask for a higher quota (Service Quotas {account_code})"
