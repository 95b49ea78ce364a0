"""What EC2 reports of an image: what it is over, and moments. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def snapshots_by_device(image: Mapping[str, Any]) -> dict[str | None, str | None]:
    """Return the snapshot of each EBS disk of an image, as DescribeImages has it."""
    return {
        each.get("DeviceName"): each["Ebs"].get("SnapshotId")
        for each in image.get("BlockDeviceMappings") or ()
        if each.get("Ebs")
    }


def moment_of(value: object) -> datetime | None:
    """Return a time that EC2 writes as text, or that botocore has read already; None of neither."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)
