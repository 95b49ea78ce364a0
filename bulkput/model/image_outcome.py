"""What became of one image of a job, as data."""

from dataclasses import dataclass, field
from typing import Any

from bulkput.model.errors import BulkputError

AVAILABLE = "available"


@dataclass(frozen=True)
class ImageOutcome:
    """The result of one image; ``as_dict`` is the JSON object that scripts read."""

    name: str
    status: str
    """``available``, ``failed``, or ``not-started``: its snapshots are not all there."""
    region: str | None = None
    """The job's own."""
    family: str | None = None
    images: dict[str, str] = field(default_factory=dict)
    """Image ids by Region, the job's own first."""
    snapshots: dict[str, list[str]] = field(default_factory=dict)
    """Ids of the snapshots under its disks by Region."""
    architecture: str | None = None
    boot_mode: str | None = None
    ssm_parameter: str | None = None
    """The parameter that holds the id, once it does in every Region."""
    pruned: tuple[str, ...] = ()
    """Older images of the family that were deleted, as ``keep`` asks for."""
    notes: tuple[str, ...] = ()
    error: str | None = None
    exit_code: int = 0
    cause: BulkputError | None = field(default=None, repr=False, compare=False)

    @property
    def image_id(self) -> str | None:
        """The image in the job's own Region."""
        return None if self.region is None else self.images.get(self.region)

    def as_dict(self) -> dict[str, Any]:
        """Return the documented JSON object."""
        return {
            "name": self.name,
            "family": self.family,
            "status": self.status,
            "image_id": self.image_id,
            "images": dict(self.images),
            "snapshots": {region: list(ids) for region, ids in self.snapshots.items()},
            "architecture": self.architecture,
            "boot_mode": self.boot_mode,
            "ssm_parameter": self.ssm_parameter,
            "pruned": list(self.pruned),
            "notes": list(self.notes),
            "error": self.error,
            "exit_code": self.exit_code,
        }
