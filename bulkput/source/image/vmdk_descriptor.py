"""The text in a VMDK that lists what the disk consists of; after "Virtual Disk Format 5.0". Pure.

Read line by line, so that no text takes longer than its length.
"""

from typing import NamedTuple

_ACCESS = frozenset({"RW", "RDONLY", "NOACCESS"})
_NO_PARENT = "ffffffff"
_DIGITS_MAX = 20


class Descriptor(NamedTuple):
    """What counts of it."""

    kind: str | None
    """The ``createType``."""
    has_parent: bool
    extents_sectors: tuple[int, ...]
    """Length of each part of the disk."""


def parse_descriptor(content: bytes) -> Descriptor:
    """Return the content of a descriptor; nothing of what is none."""
    text = content.split(b"\0")[0].decode("utf-8", "replace")
    kind: str | None = None
    # QEMU looks for the word anywhere, behind the text's end too.
    has_parent = b"parentFileNameHint" in content
    extents: list[int] = []
    for line in text.split("\n"):
        key, _, value = line.partition("=")
        key, value = key.strip(), value.strip()
        if key == "createType" and kind is None:
            kind = value.strip('"')
        elif key == "parentCID":
            has_parent |= value.lower() != _NO_PARENT
        words = line.split(maxsplit=2)
        if words and words[0] in _ACCESS:
            is_number = len(words) > 1 and words[1].isascii() and words[1].isdigit()
            is_number = is_number and len(words[1]) <= _DIGITS_MAX
            extents.append(int(words[1]) if is_number else 0)
    return Descriptor(kind, has_parent, tuple(extents))
