"""What makes an upload the same upload in the next run, and which folder keeps its state. Pure."""

import json
from collections.abc import Iterator
from pathlib import Path

from bulkput.config.volume import VolumeSettings
from bulkput.ledger.folder import volume_folder


def upload_folder(
    state_dir: Path,
    volume: VolumeSettings,
    *,
    endpoint_url: str | None,
    region: str,
    source_path: Path | str,
) -> Path:
    """Return the folder of the ledger; nothing is created."""
    key = upload_key(volume, endpoint_url=endpoint_url, region=region, source_path=source_path)
    return volume_folder(state_dir, volume.own_label, key)


def upload_key(
    volume: VolumeSettings, *, endpoint_url: str | None, region: str, source_path: Path | str
) -> Iterator[str]:
    """Yield the texts that distinguish this upload from any other.

    Args:
        volume: Its settings; how long to wait and the mark make no difference.
        endpoint_url: The one URL of EBS and EC2, or ``embedded``; None for AWS's own.
        region: Where the snapshot is.
        source_path: The real path, or the name of what has none.
    """
    snapshot = volume.snapshot
    yield endpoint_url or "aws"
    yield region
    yield str(source_path)
    yield volume.own_label
    if volume.series is not None:
        yield f"series {volume.series}"
    left_out = {"wait", "timeout_min", "mark", "parent_manifest"}
    if snapshot.parent is None:
        left_out.add("parent")  # so that folders of versions that knew no parent are found
    yield json.dumps(snapshot.model_dump(mode="json", exclude=left_out), sort_keys=True)
