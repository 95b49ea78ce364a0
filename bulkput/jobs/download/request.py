"""What a download is asked for."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DownloadRequest:
    """What goes where."""

    snapshot_id: str
    destination: Path
    changed_since: str | None = None
    """The snapshot that the destination holds; only what differs is brought."""
    force: bool = False
    """Replace a file that is there."""
    whole_volume: bool = False
    """Give a file the volume's size even where a manifest knows the source's."""
