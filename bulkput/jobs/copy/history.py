"""Which copies were made, so that the next one can be an increment: a small file each.

A record that cannot be read is no record: all that is lost is that blocks are copied again.
"""

import contextlib
import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from bulkput.jobs.session.snapshot_blocks import SnapshotIdentity
from bulkput.ledger.folder import ensure_folder
from bulkput.ledger.header_schema import check_kinds, check_names, parse_facts
from bulkput.ledger.state_file import read_state_file, replace_file

_FOLDER_NAME = "copies"
_VERSION = 1
_RECORD_MAX_BYTES = 1 << 16


@dataclass(frozen=True, kw_only=True)
class CopyRecord:
    """One snapshot, and what it was or is being copied to."""

    source: SnapshotIdentity
    source_start_unix_s: float
    source_encrypted: bool
    source_volume_id: str | None
    target_endpoint_url: str | None
    target_region: str
    asked_encrypted: bool | None
    """As it was configured for the copy; a child has its parent's encryption."""
    asked_kms_key_arn: str | None
    parent_source_id: str | None = None
    """The snapshot beside the source whose copy is the copy's parent; None of a full copy."""
    parent_copy_id: str | None = None
    copy_id: str | None = None
    """None until all is put and sealed."""

    def goes_with(self, other: "CopyRecord") -> bool:
        """Return whether both lead from the same place to the same, equally encrypted."""
        volumes = {self.source_volume_id, other.source_volume_id} - {None}
        return self.ends == other.ends and len(volumes) < 2

    @property
    def ends(self) -> tuple[object, ...]:
        """From where, to where, and how encrypted at both."""
        return (
            self.source.endpoint_url,
            self.source.region,
            self.source_encrypted,
            self.target_endpoint_url,
            self.target_region,
            self.asked_encrypted,
            self.asked_kms_key_arn,
        )


class CopyRecords:
    """The records of one state folder. All methods block."""

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / _FOLDER_NAME

    def of(self, record: CopyRecord) -> CopyRecord | None:
        """Return what is known of this very copy."""
        return _read(self.path(record))

    def before(self, record: CopyRecord) -> list[CopyRecord]:
        """Return the finished copies that could be the parent, the one of the newest source first.

        Whether their sources are related, only the service knows.
        """
        found = [
            each
            for path in (sorted(self._folder.glob("*.json")) if self._folder.is_dir() else ())
            if (each := _read(path)) is not None
            and each.copy_id is not None
            and each.source != record.source
            and each.source_start_unix_s <= record.source_start_unix_s
            and each.goes_with(record)
        ]
        return sorted(found, key=lambda each: each.source_start_unix_s, reverse=True)

    def keep(self, record: CopyRecord) -> None:
        """Store a record, in the place of what was known of this copy.

        Raises:
            LedgerError: it cannot be written.
            TemporaryError: the disk is full.
        """
        ensure_folder(self._folder)
        facts = {"format_version": _VERSION} | asdict(record)
        content = json.dumps(facts, indent=2, allow_nan=False) + "\n"
        replace_file(self.path(record), content.encode("ascii"))

    def path(self, record: CopyRecord) -> Path:
        """Return where a record is."""
        parts = (
            record.source.endpoint_url or "aws",
            record.source.region,
            record.source.snapshot_id,
            record.target_endpoint_url or "aws",
            record.target_region,
        )
        digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
        return self._folder / f"{record.source.snapshot_id}-{digest[:12]}.json"


def _read(path: Path) -> CopyRecord | None:
    with contextlib.suppress(OSError, ValueError, TypeError):
        facts = parse_facts(read_state_file(path, _RECORD_MAX_BYTES))
        if facts.pop("format_version", None) == _VERSION:
            check_names(facts, CopyRecord)
            check_kinds(facts, CopyRecord)
            source = SnapshotIdentity(**facts["source"])
            check_kinds(facts["source"], SnapshotIdentity)
            return CopyRecord(**facts | {"source": source})
    return None
