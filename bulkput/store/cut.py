r"""A cut: one upload's ledger as it was at one moment, and who may write the next one.

``uploads/FOLDER/state.json``, one JSON object with a SHA-256 of itself, always written as a whole
and only in the place of the one that its writer knows (``If-Match``). So it is the lock too: its
holder renews it with every cut, and who lost it cannot write another. It is written last: until
then the former cut, whose pieces are still there, is the one that counts.

================  ==================================================================================
key               meaning
================  ==================================================================================
format_version    1; other versions are refused. Keys that are not known are ignored
program_version   of bulkput
sequence          one more with every write
writer            who holds it: ``id`` of the run, ``host``, ``process_id``, ``since_unix_s``,
                  ``written_unix_s``, ``lease_s`` (how long after a write it is held; 0 is nobody)
ledger            ``ledger.json`` as it is, or null before there is one
samples           SHA-256 of some of the source's bytes in hex, or null
segments          of the table, a list each: number, bytes, SHA-256 in hex, and how many blocks are
                  acknowledged, skipped, unchanged. What is not listed was never written
checksum          SHA-256 of the rest, in hex
================  ==================================================================================

``uploads/FOLDER/NNNNN-SHA256`` is a piece of the table, named by what is in it (32 hex digits), so
that no write of it can make another one wrong.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bulkput import __version__
from bulkput.ebs.error_response import plain_name
from bulkput.ledger.header import LedgerHeader, decode_header
from bulkput.ledger.header_schema import canonical_json, is_integer, is_text, or_none, parse_facts

FORMAT_VERSION = 1
UPLOADS = "uploads"
CUT_NAME = "state.json"
CUT_MAX_BYTES = 1 << 20
"""2048 pieces of 110 characters, and a header of some thousand."""

_LEASE_MAX_S = 7 * 86_400
_NAME_HEX_DIGITS = 32


class CutFormatError(ValueError):
    """A cut of another version of bulkput: it is sound, and not ours to replace."""


class KeptSegment(NamedTuple):
    """One piece of the table in the store."""

    number: int
    size_bytes: int
    sha256: str
    acknowledged: int
    skipped: int
    unchanged: int


@dataclass(frozen=True)
class Writer:
    """Who wrote a cut, and until when others leave it alone."""

    writer_id: str
    """Random, of one run."""
    host: str
    process_id: int
    since_unix_s: float
    """When the run began."""
    written_unix_s: float
    """By the host's clock: for people. How old a cut is, the store's own clock says."""
    lease_s: float
    """0 once the run has ended."""


@dataclass(frozen=True)
class Cut:
    """What the object says."""

    sequence: int
    writer: Writer
    ledger: str | None
    samples: str | None = None
    segments: Mapping[int, KeptSegment] = field(default_factory=dict)
    program_version: str = __version__

    def header(self) -> LedgerHeader | None:
        """Return the ledger's header; None before there is one.

        Raises:
            ValueError: it is damaged or of another version.
        """
        return None if self.ledger is None else decode_header(self.ledger.encode("ascii"))

    @property
    def settled_blocks(self) -> int:
        """Blocks that are acknowledged or left out."""
        return sum(sum(each[3:]) for each in self.segments.values())

    @property
    def acknowledged_blocks(self) -> int:
        """Blocks that the snapshot has by it."""
        return sum(each.acknowledged for each in self.segments.values())


_FOLDER_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,100}-[0-9a-f]{12}")


def is_folder_name(name: str) -> bool:
    """Return whether an upload's folder can be called so; a key of others may lead elsewhere."""
    return _FOLDER_NAME.fullmatch(name) is not None


def cut_key(folder_name: str) -> str:
    """Return the key of an upload's cut."""
    return f"{UPLOADS}/{folder_name}/{CUT_NAME}"


def segment_key(folder_name: str, segment: KeptSegment) -> str:
    """Return the key of a piece of an upload's table."""
    name = f"{segment.number:05d}-{segment.sha256[:_NAME_HEX_DIGITS]}"
    return f"{UPLOADS}/{folder_name}/{name}"


def encode_cut(cut: Cut) -> bytes:
    """Return the object's bytes."""
    writer = cut.writer
    facts = {
        "format_version": FORMAT_VERSION,
        "program_version": cut.program_version,
        "sequence": cut.sequence,
        "writer": {
            "id": writer.writer_id,
            "host": writer.host,
            "process_id": writer.process_id,
            "since_unix_s": writer.since_unix_s,
            "written_unix_s": writer.written_unix_s,
            "lease_s": writer.lease_s,
        },
        "ledger": cut.ledger,
        "samples": cut.samples,
        "segments": [list(cut.segments[number]) for number in sorted(cut.segments)],
    }
    document = {"checksum": hashlib.sha256(canonical_json(facts)).hexdigest()} | facts
    return (json.dumps(document, allow_nan=False) + "\n").encode("ascii")


def decode_cut(content: bytes) -> Cut:
    """Return the cut that ``content`` holds.

    Raises:
        CutFormatError: it is of another version.
        ValueError: it is damaged; says how, in one sentence without a full stop.
    """
    facts = parse_facts(content)
    version = facts.get("format_version")
    if version != FORMAT_VERSION:
        who = plain_name(facts.get("program_version")) or "?"
        raise CutFormatError(
            f"has format version {version!r:.40}, written by bulkput {who:.40}, and this is "
            f"bulkput {__version__}, which reads version {FORMAT_VERSION}"
        )
    checksum = facts.pop("checksum", None)
    if checksum != hashlib.sha256(canonical_json(facts)).hexdigest():
        raise ValueError("the checksum does not match: the object is damaged or was edited")
    try:
        return _cut(facts)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{type(error).__name__} {error!s:.80}") from None


def _cut(facts: Mapping[str, Any]) -> Cut:
    writer = facts["writer"]
    segments = {each[0]: KeptSegment(*each) for each in facts["segments"]}
    is_count, is_name = is_integer(0, 1 << 40), is_text(64, 64)
    holds = is_integer(1, 1 << 60)(facts["sequence"])
    holds &= or_none(is_text(1, CUT_MAX_BYTES))(facts["ledger"])
    for each in segments.values():
        holds &= is_name(each.sha256) and all(map(is_count, (*each[:2], *each[3:])))
    if not holds:
        raise ValueError("a value is of another form")
    return Cut(
        sequence=facts["sequence"],
        writer=Writer(
            writer_id=str(writer["id"]),
            host=plain_name(writer["host"]) or "?",  # others may write to a bucket
            process_id=int(writer["process_id"]),
            since_unix_s=float(writer["since_unix_s"]),
            written_unix_s=float(writer["written_unix_s"]),
            lease_s=min(max(float(writer["lease_s"]), 0.0), _LEASE_MAX_S),
        ),
        ledger=facts["ledger"],
        samples=None if facts.get("samples") is None else str(facts["samples"]),
        segments=segments,
        program_version=plain_name(facts["program_version"]) or "?",
    )
