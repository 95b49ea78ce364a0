"""Things of one kind on disk: a JSON file each, replaced atomically, there again at the next start.

Owns the files of one folder. Knows nothing of what the things are.
"""

import dataclasses
import hashlib
import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar


class Thing(Protocol):
    """A frozen dataclass of plain values, tuples and mappings."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def name(self) -> str:
        """What it is found by, once in a Region."""
        ...

    @property
    def region(self) -> str:
        """Where it is."""
        ...


T = TypeVar("T", bound=Thing)


class Shelf(Generic[T]):
    """The things of one kind, in the order in which they were made."""

    def __init__(self, folder: Path, kind: type[T]) -> None:
        """Read what is there.

        Raises:
            OSError: it cannot be made or read.
        """
        self._folder = folder
        self._things: dict[tuple[str, str], T] = {}
        self._numbers: dict[tuple[str, str], int] = {}
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        read = [json.loads(path.read_text("utf-8")) for path in folder.glob("*.json")]
        for number, fields in sorted(read, key=lambda each: int(each[0])):
            thing = kind(**{name: _as_tuple(value) for name, value in fields.items()})
            self._keep(thing, number)

    def in_region(self, region: str) -> Iterator[T]:
        """Yield the things of a Region."""
        return (each for each in list(self._things.values()) if each.region == region)

    def get(self, name: str, region: str) -> T | None:
        """Return the thing of this name, if it is in the Region."""
        return self._things.get((region, name))

    def put(self, thing: T) -> T:
        """Add a thing, or put it in the place of the one of its name."""
        key = (thing.region, thing.name)
        number = self._numbers.get(key, max(self._numbers.values(), default=0) + 1)
        path = self._path(thing)
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps([number, dataclasses.asdict(thing)]), "utf-8")
        fresh.replace(path)
        return self._keep(thing, number)

    def remove(self, thing: T) -> None:
        """Forget a thing."""
        key = (thing.region, thing.name)
        del self._things[key], self._numbers[key]
        self._path(thing).unlink()

    def _keep(self, thing: T, number: int) -> T:
        key = (thing.region, thing.name)
        self._things[key] = thing
        self._numbers[key] = number
        return thing

    def _path(self, thing: T) -> Path:
        # Hashed: a parameter's name has slashes and may be longer than a file's.
        name = hashlib.sha256(f"{thing.region}\0{thing.name}".encode()).hexdigest()
        return self._folder / f"{name[:40]}.json"


def new_id(prefix: str) -> str:
    """Return an id as EC2's: the prefix and 17 hex digits."""
    return f"{prefix}-0{secrets.token_hex(8)}"


def _as_tuple(value: Any) -> Any:
    """Return what JSON made a list of as the tuple that it was, inner ones too."""
    return tuple(_as_tuple(each) for each in value) if isinstance(value, list) else value
