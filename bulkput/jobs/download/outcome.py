"""What became of a download, as its caller gets it and as the documented JSON object."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bulkput.destination.destination import TargetKind
from bulkput.jobs.download.length import Length
from bulkput.pipeline.restore import RestoreCounts


@dataclass(frozen=True)
class DownloadOutcome:
    """What became of a download that came to its end."""

    snapshot_id: str
    destination: Path
    kind: TargetKind
    changed_since: str | None
    length: Length
    total_blocks: int
    counts: RestoreCounts
    gets: dict[str, int]
    elapsed_s: float
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the documented JSON object."""
        return {
            "status": "completed",
            "snapshot_id": self.snapshot_id,
            "changed_since": self.changed_since,
            "destination": str(self.destination),
            "kind": self.kind,
            "size_bytes": self.length.size_bytes,
            "size_from": self.length.known_from,
            "blocks": {
                "total": self.total_blocks,
                "got": self.counts.got,
                "resumed": self.counts.resumed,
                "zero": self.counts.zero,
            },
            "gets": self.gets,
            "elapsed_s": round(self.elapsed_s, 3),
            "notes": list(self.notes),
            "error": None,
            "exit_code": 0,
        }
