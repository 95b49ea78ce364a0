"""Which job a run is of, and how much of it: what a rerun finds its own earlier run by. Pure."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from bulkput.config.volume import VolumeSettings

_ID_CHARS = 12
"""48 bits, as in the names of the folders of uploads."""


@dataclass(frozen=True)
class JobIdentity:
    """A job by its name and its file, however often the file is edited."""

    name: str
    """As in the file, else the file's own."""
    file: str
    """Its real path, or ``-`` for standard input."""

    @property
    def job_id(self) -> str:
        """The same text for the same job in every run."""
        digest = hashlib.sha256()
        for part in (self.name, self.file):
            content = part.encode("utf-8", "surrogateescape")
            digest.update(len(content).to_bytes(8, "little") + content)
        return digest.hexdigest()[:_ID_CHARS]


def identity_of(file: Path | None, name: str | None) -> JobIdentity:
    """Return the identity of a job that is read from ``file`` (None: from standard input)."""
    if file is None:
        return JobIdentity(name or "job", "-")
    real = file.resolve()
    return JobIdentity(name or real.stem, str(real))


@dataclass(frozen=True)
class JobRequest:
    """What of a job a run is to do."""

    # Where a job is written makes it no other job to whoever compares two.
    identity: JobIdentity = field(compare=False)
    date: str
    """What ``${date}`` stands for, in this run and in those that go on with it."""
    left_out: "tuple[VolumeSettings, ...]" = field(default=())
    """Volumes of the job that were not chosen."""
    is_of_one: bool = False
    """The job has one volume in all."""
    begin: Literal["auto", "fresh", "rerun"] = "auto"
    """``fresh``: make every snapshot anew. ``rerun``: only what an earlier run left unfinished."""
