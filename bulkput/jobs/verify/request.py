"""What a verification is asked for."""

from dataclasses import dataclass
from pathlib import Path

from bulkput.config.volume import VolumeSettings


@dataclass(frozen=True)
class VerifyRequest:
    """What is compared with what."""

    snapshot_id: str
    volume: VolumeSettings | None
    """The source to compare with, if there is one, and how it is read."""
    manifest: Path | None = None
    """None: the one in the state folder, if there is no source either."""
    sample_bytes: int | None = None
    """None: all."""
    seed: int | None = None
    """Of the sample; None draws one."""
