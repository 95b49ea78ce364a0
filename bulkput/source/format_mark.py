"""What a format is known by: bytes at a fixed place."""

from typing import NamedTuple

from bulkput.model.disk_format import Compression, ImageFormat


class FormatMark(NamedTuple):
    """Bytes at a fixed place by which a format is known."""

    name: str
    magic: bytes
    offset_bytes: int
    """From the start; negative: from the end."""
    conversion: str
    """The command that makes a raw image of it, or what else to do."""
    read_as: ImageFormat | Compression | None = None
    """How bulkput reads it; None: it does not."""
    is_weak: bool = False
    """A few bytes that a disk may begin with too: they count if nothing of a disk is found."""

    def is_in(self, head: bytes, foot: bytes) -> bool:
        """Return whether a source with these first and last bytes bears the mark."""
        content, start = head, self.offset_bytes
        if start < 0:
            content, start = foot, len(foot) + start
        return start >= 0 and content[start : start + len(self.magic)] == self.magic
