"""Names of streams, where a file could be named: importing it costs nothing."""

import re


def is_stream(text: str) -> bool:
    """Return whether ``text`` is ``-`` (stderr) or ``fd:N``, and no path of a file to write."""
    return text == "-" or re.fullmatch(r"fd:[0-9]{1,6}", text) is not None
