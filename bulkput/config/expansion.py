"""A job's file with everything written out, and where each value of it stands. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bulkput.config.document import Document, Location, dotted, is_within
from bulkput.model.errors import Problem


@dataclass(frozen=True)
class Inputs:
    """What a job's file may refer to beside the environment."""

    settings: Mapping[str, str] = field(default_factory=dict)
    """Of ``--set``: they win over the file's `vars`."""
    allow_command: bool = False
    """Whether `volumes_from` may run programs."""
    date: str | None = None
    """``${date}``; None is today, in UTC."""
    takes_inventories: bool = True
    """Whether `volumes_from` is looked at; not where only the job itself is asked about."""


NO_INPUTS = Inputs()


class RawVolume(NamedTuple):
    """One volume as it was written, before it has its defaults."""

    data: Any
    place: str
    """Of a row; empty of what stands in the file itself."""


class Standing(NamedTuple):
    """Where a value of the result stands, as a problem or an origin names it."""

    path: str
    line: int | None
    place: str


@dataclass(repr=False, eq=False)
class Expansion:
    """A file with everything written out."""

    document: Document
    data: dict[str, Any]
    volumes: list[RawVolume] = field(default_factory=list)
    """Beside those in ``data``, which have their defaults."""
    defaults: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    refused: set[Location] = field(default_factory=set)
    """Where ``problems`` has an entry already."""
    may_be_empty: bool = False

    def standing(self, location: Location) -> Standing:
        """Return where the value at ``location`` of the result stands, or what encloses it."""
        if len(location) < 2 or location[0] != "volumes" or not isinstance(location[1], int):
            return Standing(dotted(location), self.document.line(location), "")
        index, rest = location[1], location[2:]
        raw = self.volumes[index] if index < len(self.volumes) else RawVolume({}, "")
        if rest and not is_within(raw.data, rest) and is_within(self.defaults, rest):
            at = ("defaults", *rest)
            return Standing(dotted(at), self.document.line(at), "")
        if raw.place:
            return Standing(dotted(rest), None, raw.place)
        return Standing(dotted(location), self.document.line(location), "")
