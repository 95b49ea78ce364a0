"""What a ledger is of: the facts beside the table, and their strict form as JSON.

Pure: text in, a frozen ``LedgerHeader`` out, or the reason why not. Opens no file.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any

from bulkput.model.block import BLOCK_COUNT_MAX, BLOCKS_PER_GIB, VOLUME_SIZE_MAX_GIB
from bulkput.model.zeros import ZeroPolicy

FORMAT_VERSION = 1
"""Raised whenever a field or the table's layout changes; other versions are refused."""

SNAPSHOT_ID_MAX_CHARS = 48
"""``snap-`` and 17 hex digits today; the table's head keeps room for longer ones."""

_SNAPSHOT_ID = re.compile(r"snap-[0-9a-f]+")

Scalar = str | int | float | bool | None


class LedgerPhase(StrEnum):
    """How far the snapshot has come."""

    STARTING = "starting"
    """StartSnapshot has been or will be called with this client token."""
    UPLOADING = "uploading"
    """The snapshot exists and takes puts."""
    SEALING = "sealing"
    """CompleteSnapshot has been or will be called; no more puts."""
    COMPLETED = "completed"
    """EC2 said ``completed``."""
    FAILED = "failed"
    """The snapshot ended otherwise; the next run starts another."""


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
    open_boot_id: str | None = None
    """The machine's boot while a writer has the table open; None once closed and flushed."""
    marks_lost: bool = False
    """Marks may be missing: the machine went down with the table open, or the file was cut."""
    format_version: int = field(default=FORMAT_VERSION)

    def __post_init__(self) -> None:
        """Refuse facts that cannot be, wherever they come from.

        Raises:
            ValueError: names the field and what was expected.
        """
        for name, (holds, expected) in _FIELDS.items():
            if not holds(getattr(self, name)):
                raise ValueError(f"{name}: expected {expected}")
        if self.block_count > self.volume_size_gib * BLOCKS_PER_GIB:
            raise ValueError("block_count: expected no more blocks than the volume has")
        if self.snapshot_id is None and self.phase is not LedgerPhase.STARTING:
            raise ValueError(f"snapshot_id: expected one in the phase {self.phase}")


def _is_integer(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and low <= value <= high


def _is_text(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and low <= len(value) <= high


def _is_time(value: object) -> bool:
    return type(value) in (int, float) and 0 <= value < 1e11  # type: ignore[operator] # a number


def _is_snapshot_id(value: object) -> bool:
    return (
        isinstance(value, str)
        and len(value) <= SNAPSHOT_ID_MAX_CHARS
        and _SNAPSHOT_ID.fullmatch(value) is not None
    )


def _is_identity(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(name, str) and isinstance(fact, Scalar) for name, fact in value.items()
    )


def _or_none(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or holds(value)


_PATH_MAX_CHARS = 32_768
"""Eight times Linux's PATH_MAX: only there to bound the file."""

_FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "format_version": (lambda value: value == FORMAT_VERSION, str(FORMAT_VERSION)),
    "client_token": (_is_text(1, 255), "a text of 1 to 255 characters"),
    "attempt": (_is_integer(1, 10**9), "a count from 1"),
    "nonce": (_is_text(1, 255), "a text of 1 to 255 characters"),
    "source_path": (_is_text(1, _PATH_MAX_CHARS), "a path"),
    "source_identity": (_is_identity, "an object of plain values"),
    "size_bytes": (_is_integer(0, VOLUME_SIZE_MAX_GIB << 30), "a size of at most 64 TiB"),
    "block_count": (_is_integer(1, BLOCK_COUNT_MAX), f"a count from 1 to {BLOCK_COUNT_MAX}"),
    "volume_size_gib": (_is_integer(1, VOLUME_SIZE_MAX_GIB), "a size of 1 to 65536 GiB"),
    "zero_policy": (
        lambda value: isinstance(value, ZeroPolicy) and value is not ZeroPolicy.AUTO,
        "write, skip-holes or skip",
    ),
    "encrypted": (lambda value: isinstance(value, bool), "true or false"),
    "region": (_is_text(1, 255), "a region's name"),
    "endpoint_url": (_or_none(_is_text(1, 4096)), "a URL or null"),
    "created_unix_s": (_is_time, "seconds since 1970"),
    "updated_unix_s": (_is_time, "seconds since 1970"),
    "program_version": (_is_text(1, 255), "a version"),
    "parent_snapshot_id": (_or_none(_is_snapshot_id), "a snapshot id or null"),
    "snapshot_id": (_or_none(_is_snapshot_id), "a snapshot id or null"),
    "phase": (lambda value: isinstance(value, LedgerPhase), ", ".join(LedgerPhase)),
    "open_boot_id": (_or_none(_is_text(0, 255)), "a text or null"),
    "marks_lost": (lambda value: isinstance(value, bool), "true or false"),
}


def encode_header(header: LedgerHeader) -> bytes:
    """Return the JSON of ``header`` with its checksum, readable for people."""
    facts = asdict(header) | {"source_identity": dict(header.source_identity)}
    document = {"checksum": _checksum(facts)} | facts
    return (json.dumps(document, indent=2, allow_nan=False) + "\n").encode("ascii")


def decode_header(content: bytes) -> LedgerHeader:
    """Return the header that ``content`` holds.

    Raises:
        ValueError: what is wrong with it, in one sentence without a full stop.
    """
    facts = _parse(content)
    version = facts.get("format_version")
    if version != FORMAT_VERSION:
        raise ValueError(
            f"format version {version!r:.40}, and this program reads version {FORMAT_VERSION}"
        )
    names = {field.name for field in fields(LedgerHeader)}
    checksum = facts.pop("checksum", None)
    for name in sorted(facts.keys() ^ names):
        raise ValueError(f"{name!r:.80} is {'missing' if name in names else 'not known'}")
    if checksum != _checksum(facts):
        raise ValueError("the checksum does not match: the file is damaged or was edited")
    for name, kind in (("zero_policy", ZeroPolicy), ("phase", LedgerPhase)):
        if facts[name] in list(kind):
            facts[name] = kind(facts[name])
    return LedgerHeader(**facts)


def _parse(content: bytes) -> dict[str, Any]:
    if not content.strip(b"\0 \n"):
        raise ValueError("the file is empty")
    try:
        facts = json.loads(
            content.decode("ascii"), object_pairs_hook=_no_duplicates, parse_constant=_no_constant
        )
    except UnicodeDecodeError:
        raise ValueError("the file is damaged: not ASCII") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the file is torn or damaged: {error}") from None
    if not isinstance(facts, dict):
        raise ValueError("the file is damaged: not a JSON object")  # noqa: TRY004 - one kind of error
    return facts


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    facts = dict(pairs)
    if len(facts) != len(pairs):
        raise ValueError("a key stands twice")
    return facts


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def _checksum(facts: Mapping[str, Any]) -> str:
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()
