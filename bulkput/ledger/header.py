"""What a ledger is of: the facts beside the table, and their strict form as JSON.

Pure: text in, a frozen ``LedgerHeader`` out, or the reason why not. Opens no file.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from bulkput.ledger.header_schema import (
    FACTS,
    Fact,
    Scalar,
    canonical_json,
    check_facts,
    check_names,
    is_integer,
    is_text,
    or_none,
    parse_facts,
)
from bulkput.model.block import BLOCKS_PER_GIB
from bulkput.model.snapshot_id import is_snapshot_id
from bulkput.model.zeros import ZeroPolicy

FORMAT_VERSION = 1
"""Raised whenever a field or the table's layout changes; other versions are refused."""


UNDELIVERED_MAX = 100
"""Runs in a row that died after the seal: only there to bound the file."""


class LedgerPhase(StrEnum):
    """How far the snapshot has come."""

    STARTING = "starting"
    """StartSnapshot has been or will be called with this client token."""
    UPLOADING = "uploading"
    """The snapshot exists and takes puts."""
    SEALING = "sealing"
    """CompleteSnapshot has been or will be called; no more puts."""
    COMPLETED = "completed"
    """EC2 reported ``completed``."""
    FAILED = "failed"
    """The snapshot ended otherwise, or differs from its source; the next run starts another."""


_ENDS = frozenset({LedgerPhase.SEALING, LedgerPhase.COMPLETED})
"""Phases of which a result without an error is written: sealed and pending, or completed."""


@dataclass(frozen=True, kw_only=True)
class LedgerHeader:
    """The facts of one upload, as ``ledger.json`` keeps them."""

    client_token: str
    """Of StartSnapshot; stored before the call, so that a rerun replays it."""
    attempt: int
    """1 for the first snapshot of this source, one more for each that replaces it."""
    nonce: str
    """Random, chosen with the attempt; keeps the token of a deleted folder from coming back."""
    source_path: str
    source_identity: Mapping[str, Scalar]
    """The source room's own words, compared as a whole."""
    size_bytes: int
    """Of the source."""
    block_count: int
    """Records in the table."""
    volume_size_gib: int
    zero_policy: ZeroPolicy
    """As resolved, never ``auto``: what the skipped records were skipped under."""
    encrypted: bool
    region: str
    endpoint_url: str | None
    """None for AWS's own."""
    created_unix_s: float
    updated_unix_s: float
    program_version: str
    parent_snapshot_id: str | None = None
    """What ``unchanged`` records are equal to."""
    snapshot_id: str | None = None
    """None until StartSnapshot answered."""
    phase: LedgerPhase = LedgerPhase.STARTING
    delivered: bool = False
    """The result of a run that ended in this phase was written out. If not, a rerun does it."""
    open_boot_id: str | None = None
    """The machine's boot while a writer has the table open; None once closed and flushed."""
    undelivered: tuple[str, ...] = ()
    """Snapshots that earlier runs of this upload completed, whose results nobody has got yet."""
    marks_lost: bool = False
    """Marks may be missing: the machine went down with the table open, or the file was cut."""
    format_version: int = field(default=FORMAT_VERSION)

    def __post_init__(self) -> None:
        """Refuse facts that cannot be, wherever they come from.

        Raises:
            ValueError: names the field and what was expected.
        """
        check_facts(self, _FIELDS)
        if self.block_count > self.volume_size_gib * BLOCKS_PER_GIB:
            raise ValueError("block_count: expected no more blocks than the volume has")
        if self.snapshot_id is None and self.phase is not LedgerPhase.STARTING:
            raise ValueError(f"snapshot_id: expected one in the phase {self.phase}")
        if self.delivered and self.phase not in _ENDS:
            raise ValueError(f"told: expected false in the phase {self.phase}")

    def is_over(self, *, wait: bool) -> bool:
        """Return whether nothing of this snapshot is left to do or to report.

        Args:
            wait: Whether the run waits for ``completed``; else sealed is enough.
        """
        if self.phase is LedgerPhase.FAILED:
            return True
        return self.delivered and (self.phase is LedgerPhase.COMPLETED or not wait)


def _are_snapshot_ids(value: object) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) <= UNDELIVERED_MAX
        and all(map(is_snapshot_id, value))
    )


def _is_identity(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(name, str) and isinstance(fact, Scalar) for name, fact in value.items()
    )


_FIELDS: dict[str, Fact] = {
    **FACTS,
    "format_version": (lambda value: value == FORMAT_VERSION, str(FORMAT_VERSION)),
    "client_token": (is_text(1, 255), "a text of 1 to 255 characters"),
    "attempt": (is_integer(1, 10**9), "a count from 1"),
    "nonce": (is_text(1, 255), "a text of 1 to 255 characters"),
    "source_identity": (_is_identity, "an object of plain values"),
    "size_bytes": FACTS["source_size_bytes"],
    "zero_policy": (
        lambda value: isinstance(value, ZeroPolicy) and value is not ZeroPolicy.AUTO,
        "write, skip-holes or skip",
    ),
    "updated_unix_s": FACTS["created_unix_s"],
    "snapshot_id": FACTS["parent_snapshot_id"],
    "phase": (lambda value: isinstance(value, LedgerPhase), ", ".join(LedgerPhase)),
    "delivered": (lambda value: isinstance(value, bool), "true or false"),
    "open_boot_id": (or_none(is_text(0, 255)), "a text or null"),
    "undelivered": (_are_snapshot_ids, f"at most {UNDELIVERED_MAX} snapshot ids"),
    "marks_lost": (lambda value: isinstance(value, bool), "true or false"),
}


_KEYS = MappingProxyType({"delivered": "told"})
"""Fields whose key in the file is another: the one that the first version gave it."""


def encode_header(header: LedgerHeader) -> bytes:
    """Return the JSON of ``header`` with its checksum, readable for people."""
    facts = {_KEYS.get(name, name): value for name, value in asdict(header).items()}
    facts["source_identity"] = dict(header.source_identity)
    facts["undelivered"] = list(header.undelivered)
    if not header.undelivered:  # as versions that knew no such field wrote it, and read it
        del facts["undelivered"]
    document = {"checksum": _checksum(facts)} | facts
    return (json.dumps(document, indent=2, allow_nan=False) + "\n").encode("ascii")


def decode_header(content: bytes) -> LedgerHeader:
    """Return the header that ``content`` holds.

    Raises:
        ValueError: what is wrong with it, in one sentence without a full stop.
    """
    facts = parse_facts(content)
    version = facts.get("format_version")
    if version != FORMAT_VERSION:
        raise ValueError(
            f"format version {version!r:.40}, and this program reads version {FORMAT_VERSION}"
        )
    checksum = facts.pop("checksum", None)
    check_names({"undelivered": [], **facts}, LedgerHeader, _KEYS)
    if checksum != _checksum(facts):
        raise ValueError("the checksum does not match: the file is damaged or was edited")
    undelivered = facts.get("undelivered", [])
    facts["undelivered"] = tuple(undelivered) if isinstance(undelivered, list) else undelivered
    for name, kind in (("zero_policy", ZeroPolicy), ("phase", LedgerPhase)):
        if facts[name] in list(kind):
            facts[name] = kind(facts[name])
    names = {key: name for name, key in _KEYS.items()}
    return LedgerHeader(**{names.get(key, key): fact for key, fact in facts.items()})


def _checksum(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(facts)).hexdigest()
