"""The zero policy's names: which empty blocks of a source are put."""

from enum import StrEnum


class ZeroPolicy(StrEnum):
    """What happens to blocks that are all zeros."""

    AUTO = "auto"
    """``write`` for a snapshot that is or becomes encrypted, ``skip`` otherwise."""
    WRITE = "write"
    """Put every block of the source, holes included."""
    SKIP_HOLES = "skip-holes"
    """Skip the holes that the file system reports; put zeros that were written."""
    SKIP = "skip"
    """Skip holes and written zeros alike."""
