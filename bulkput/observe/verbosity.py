"""How much a person wants to read."""

from enum import Enum


class Verbosity(Enum):
    """``--quiet``, neither, ``--verbose``."""

    QUIET = "quiet"
    """Errors only."""
    NORMAL = "normal"
    """Progress, warnings, the summary."""
    VERBOSE = "verbose"
    """Every retry with its error as well, and tracebacks."""
