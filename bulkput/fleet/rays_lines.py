"""Lines that Ray's libraries write to this process's stderr themselves, kept from the user."""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator

_LINE = re.compile(rb"\[\d{4}-\d\d-\d\d [\d:,]+ [A-Z] \d+ \d+\] ")
"""As Ray's C++ code begins them."""
_STDERR = 2


@contextlib.contextmanager
def rays_lines() -> Iterator[list[str]]:
    """Hold back what is written to stderr meanwhile; gives Ray's lines, once it has ended.

    What is not Ray's is written at the end. For a few seconds, and not where Ray starts processes,
    which would have it as theirs.
    """
    found: list[str] = []
    kept = os.dup(_STDERR)
    try:
        with tempfile.TemporaryFile() as held:
            os.dup2(held.fileno(), _STDERR)
            try:
                yield found
            finally:
                os.dup2(kept, _STDERR)
                held.seek(0)
                for line in held:
                    if _LINE.match(line):
                        found.append(line.decode(errors="replace").strip())
                    else:
                        os.write(_STDERR, line)
    finally:
        os.close(kept)
