"""What a manifest is of: its facts, and their strict form as JSON.

Pure: text in, a frozen ``ManifestHeader`` out, or the reason why not. Opens no file.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from bulkput.ledger.header_schema import (
    FACTS,
    Fact,
    canonical_json,
    check_facts,
    check_names,
    or_none,
    parse_facts,
)
from bulkput.model.block import BLOCKS_PER_GIB


@dataclass(frozen=True, kw_only=True)
class ManifestHeader:
    """The facts of one completed snapshot."""

    snapshot_id: str
    parent_snapshot_id: str | None
    """None of a full snapshot; the manifest holds what the parent shows too."""
    volume_size_gib: int
    block_count: int
    """Of the volume: block indexes go from 0 up to this."""
    source_path: str | None
    """What was uploaded; None of a manifest that was made by reading the snapshot."""
    source_size_bytes: int | None
    """None as ``source_path``."""
    encrypted: bool
    """If so, blocks that are absent read as noise."""
    region: str
    endpoint_url: str | None
    """None for AWS's own."""
    created_unix_s: float
    """When the manifest was written."""
    program_version: str

    def __post_init__(self) -> None:
        """Refuse facts that cannot be, wherever they come from.

        Raises:
            ValueError: names the field and what was expected.
        """
        check_facts(self, _FACTS)
        if self.block_count != self.volume_size_gib * BLOCKS_PER_GIB:
            raise ValueError("block_count: expected the blocks that the volume has")

    def as_dict(self) -> dict[str, Any]:
        """Return the same in plain values, for JSON."""
        return asdict(self)


_FACTS: Mapping[str, Fact] = MappingProxyType(
    {
        **FACTS,
        "source_path": (or_none(FACTS["source_path"][0]), "a path or null"),
        "source_size_bytes": (or_none(FACTS["source_size_bytes"][0]), "a size or null"),
    }
)


def encode_manifest_header(header: ManifestHeader) -> bytes:
    """Return the JSON of ``header``."""
    return canonical_json(header.as_dict())


def decode_manifest_header(content: bytes) -> ManifestHeader:
    """Return the header that ``content`` holds; blanks at its end do not count.

    Raises:
        ValueError: what is wrong with it, in one sentence without a full stop.
    """
    facts = parse_facts(content)
    check_names(facts, ManifestHeader)
    return ManifestHeader(**facts)
