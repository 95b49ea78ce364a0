"""The content of a job file, as plain data with the line of every key.

Knows neither YAML nor the keys of bulkput.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bulkput.model.errors import Problem

Location = tuple[str | int, ...]
"""Keys and list indexes from the top down to one value."""


@dataclass
class Document:
    """The content of a file."""

    path: Path | None
    """None: no file was given, or it came by standard input."""
    data: dict[str, Any] = field(default_factory=dict)
    lines: dict[Location, int] = field(default_factory=dict)
    """1-based; of the key where there is one, else of the list's item."""
    problems: list[Problem] = field(default_factory=list)
    refused: set[Location] = field(default_factory=set)
    """Where a value is left out, because ``problems`` has what is wrong with it."""
    is_standard_input: bool = False

    def line(self, location: Location) -> int | None:
        """Return the line of ``location``, or of what encloses it."""
        for stop in range(len(location), -1, -1):
            if location[:stop] in self.lines:
                return self.lines[location[:stop]]
        return None


def dotted(location: Location) -> str:
    """Return ``volumes[0].snapshot.tags``; an odd key is quoted and cut to 64 characters."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]{0,63}", part):
            text += f".{part}" if text else part
        else:
            text += f"[{part[:64]!a}]"
    return text


def locations(data: Any, at: Location) -> Iterator[Location]:
    """Yield where every value in ``data`` is, sections and lists before what is in them."""
    items: Iterable[tuple[str | int, Any]] = ()
    if isinstance(data, dict):
        items = data.items()
    elif isinstance(data, list):
        items = enumerate(data)
    for part, value in items:
        yield (*at, part)
        yield from locations(value, (*at, part))


def is_within(data: Any, location: Location) -> bool:
    """Return whether ``data`` has something at ``location``."""
    for part in location:
        try:
            data = data[part]
        except (LookupError, TypeError):
            return False
    return True
