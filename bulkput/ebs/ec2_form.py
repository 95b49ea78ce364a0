"""EC2's DescribeSnapshots in plain data: what is asked for, and what an item of its answer says."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bulkput.ebs.snapshot import FoundSnapshot, SnapshotPage, SnapshotState

_NO_VOLUME = "vol-ffffffff"
"""What EC2 says of snapshots that no volume of the account was the source of."""

_PAGE_SNAPSHOTS = 1000
"""The most that DescribeSnapshots gives at once."""


def pending_with_tag(tag_key: str, page_token: str | None) -> dict[str, Any]:
    """Return the parameters that find the account's own pending snapshots with a tag."""
    parameters: dict[str, Any] = {
        "OwnerIds": ["self"],
        "Filters": [
            {"Name": "tag-key", "Values": [tag_key]},
            {"Name": "status", "Values": ["pending"]},
        ],
        "MaxResults": _PAGE_SNAPSHOTS,
    }
    if page_token is not None:
        parameters["NextToken"] = page_token
    return parameters


def snapshot_page(answer: Mapping[str, Any]) -> SnapshotPage:
    """Return the answer's snapshots with their tags."""
    return SnapshotPage(
        snapshots=tuple(
            FoundSnapshot(
                snapshot_id=str(item["SnapshotId"]),
                state=snapshot_state(item),
                tags=_tags(item),
            )
            for item in answer.get("Snapshots") or ()
        ),
        next_token=answer.get("NextToken") or None,
    )


def snapshot_state(item: Mapping[str, Any]) -> SnapshotState:
    """Return what one item of the answer says."""
    volume_id = item.get("VolumeId") or None
    return SnapshotState(
        state=str(item.get("State", "")),
        state_message=item.get("StateMessage") or None,
        progress=item.get("Progress") or None,
        encrypted=bool(item.get("Encrypted")),
        kms_key_id=item.get("KmsKeyId") or None,
        start_unix_s=unix_s(item.get("StartTime")) or 0.0,
        volume_size_gib=int(item.get("VolumeSize") or 0),
        description=item.get("Description") or "",
        tags=_tags(item),
        volume_id=None if volume_id == _NO_VOLUME else volume_id,
    )


def _tags(item: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in item.get("Tags") or ()}


def unix_s(moment: datetime | None) -> float | None:
    """Return botocore's time as seconds since 1970."""
    return None if moment is None else moment.timestamp()
