"""What the user should know of a disk's content before it becomes a volume.

Owns the verdict on whether it looks like a disk. Changes nothing of what is sent.
"""

import math
from collections import Counter
from typing import NamedTuple, Protocol, runtime_checkable

from bulkput.model.errors import BulkputError
from bulkput.source.content.disk_signs import find_disk_sign
from bulkput.source.content.partitions import read_partition_table
from bulkput.source.foreign_texts import is_text
from bulkput.source.format import detect_format
from bulkput.source.source import Source

_SAMPLE_BYTES = 64 << 10
_SAMPLE_MIN_BYTES = 4096
_ENTROPY_MIN_BITS = 7.9
"""A byte: 64 KiB of random bytes have 7.997, 4 KiB 7.95, programs and file systems below 7."""


@runtime_checkable
class Examinable(Protocol):
    """A source that can be looked at before it is read."""

    @property
    def sector_bytes(self) -> int | None:
        """Of a block device, its logical sector; None of all others."""
        ...

    @property
    def known_size_bytes(self) -> int | None:
        """Length of the disk; None where only its end shows it."""
        ...

    def ends(self) -> tuple[bytes, bytes]:
        """Return the disk's first and last bytes; no last ones where they are not known.

        Raises:
            SourceError: they cannot be read.
            OSError: the same.
        """
        ...


class Content(NamedTuple):
    """What was found."""

    doubt: str | None = None
    """Why it does not look like a disk; None: it does, or the user knows better."""
    notes: tuple[str, ...] = ()
    """What is odd in it, the doubt first."""


def examine(source: Source, *, is_known_raw: bool) -> Content:
    """Look at both ends of a disk. Blocks. What cannot be read is the reader's to report.

    Args:
        source: Of any kind; of what cannot be looked at, nothing is found.
        is_known_raw: Configured: the bytes are the disk, whatever they look like.
    """
    if not isinstance(source, Examinable):
        return Content()
    try:
        head, foot = source.ends()
    except (BulkputError, OSError):
        return Content()
    doubt = None if is_known_raw else _doubt(head, foot)
    table = read_partition_table(head, source.sector_bytes)
    notes = [] if doubt is None else [doubt]
    notes += [] if table is None else list(table.notes(source.known_size_bytes))
    return Content(doubt, tuple(notes))


def _doubt(head: bytes, foot: bytes) -> str | None:
    # Text first: signs as short as HFS's "BD" come up in it, and no disk begins with text alone.
    if not any(head) or (not is_text(head) and find_disk_sign(head, foot) is not None):
        return None
    mark = detect_format(head, foot)  # of a decoded disk; a raw one would have been refused
    if mark is not None:
        how = f", and it begins like {mark.name}"
    elif is_text(head):
        how = ", and it begins with text"
    elif entropy_bits(head[:_SAMPLE_BYTES]) >= _ENTROPY_MIN_BITS:
        how = ", and its first bytes look compressed or encrypted"
    else:
        how = ""
    return (
        "this does not look like a disk: no partition table, file system, volume manager, RAID, "
        f"encryption or boot sector that is known is in it{how}"
    )


def entropy_bits(content: bytes) -> float:
    """Return Shannon's entropy in bits a byte; 0 of what is too short to judge."""
    if len(content) < _SAMPLE_MIN_BYTES:
        return 0.0
    shares = [count / len(content) for count in Counter(content).values()]
    return -sum(share * math.log2(share) for share in shares)
