"""Facts as strict JSON: what the headers of ledgers and manifests have in common.

Pure: text in, plain values out, or the reason why not. Opens no file and knows no header.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from types import MappingProxyType, UnionType
from typing import Any, get_type_hints

from bulkput.model.block import BLOCK_COUNT_MAX, VOLUME_SIZE_MAX_GIB
from bulkput.model.snapshot_id import is_snapshot_id

_PATH_MAX_CHARS = 32_768
"""Eight times Linux's PATH_MAX: only there to bound the file."""

Scalar = str | int | float | bool | None
Holds = Callable[[Any], bool]
Fact = tuple[Holds, str]
"""Whether a value can be, and in words what was expected."""


class OtherVersionError(ValueError):
    """Facts of another version of bulkput: they may be sound, and are not ours to replace."""


def require_version(version: object, own: int) -> None:
    """Return if facts are of the version that this program reads and writes.

    Raises:
        OtherVersionError: they are not.
    """
    if version != own:
        raise OtherVersionError(f"format version {version!r:.40}, and this program reads {own}")


def is_integer(low: int, high: int) -> Holds:
    """Return the test for a whole number from ``low`` to ``high``."""
    return lambda value: type(value) is int and low <= value <= high


def is_text(low: int, high: int) -> Holds:
    """Return the test for a text of ``low`` to ``high`` characters."""
    return lambda value: isinstance(value, str) and low <= len(value) <= high


def or_none(holds: Holds) -> Holds:
    """Return the test that lets None pass too."""
    return lambda value: value is None or holds(value)


def _is_time(value: object) -> bool:
    return type(value) in (int, float) and 0 <= value < 1e11  # type: ignore[operator] # a number


FACTS: Mapping[str, Fact] = MappingProxyType(
    {
        "source_path": (is_text(1, _PATH_MAX_CHARS), "a path"),
        "source_size_bytes": (
            is_integer(0, VOLUME_SIZE_MAX_GIB << 30),
            "a size of at most 64 TiB",
        ),
        "block_count": (is_integer(1, BLOCK_COUNT_MAX), f"a count from 1 to {BLOCK_COUNT_MAX}"),
        "volume_size_gib": (is_integer(1, VOLUME_SIZE_MAX_GIB), "a size of 1 to 65536 GiB"),
        "encrypted": (lambda value: isinstance(value, bool), "true or false"),
        "region": (is_text(1, 255), "a region's name"),
        "endpoint_url": (or_none(is_text(1, 4096)), "a URL or null"),
        "created_unix_s": (_is_time, "seconds since 1970"),
        "program_version": (is_text(1, 255), "a version"),
        "snapshot_id": (is_snapshot_id, "a snapshot id"),
        "parent_snapshot_id": (or_none(is_snapshot_id), "a snapshot id or null"),
    }
)
"""What is recorded of a snapshot in every file."""


def check_facts(header: object, expected: Mapping[str, Fact]) -> None:
    """Return if every field of ``header`` can be.

    Raises:
        ValueError: names the field and what was expected.
        KeyError: a field that nothing is expected of.
    """
    for field in fields(header):  # type: ignore[arg-type] # a dataclass
        holds, words = expected[field.name]
        if not holds(getattr(header, field.name)):
            raise ValueError(f"{field.name}: expected {words}")


def check_names(
    facts: Mapping[str, Any], kind: type, keys: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Return if ``facts`` are exactly the fields of the dataclass ``kind``.

    Args:
        facts: As the file has them.
        kind: Of the header.
        keys: Fields whose key in the file is another.

    Raises:
        ValueError: names one that is missing or not known.
    """
    names = {keys.get(field.name, field.name) for field in fields(kind)}
    for name in sorted(facts.keys() ^ names):
        raise ValueError(f"{name!r:.80} is {'missing' if name in names else 'not known'}")


def check_kinds(facts: Mapping[str, Any], kind: type) -> None:
    """Return if each value is of the type of its field in the dataclass ``kind``.

    Fields that are objects themselves are their own reader's to check.

    Raises:
        ValueError: names one that is not.
    """
    for name, hint in get_type_hints(kind).items():
        allowed = int | float if hint is float else hint
        is_plain = isinstance(allowed, type | UnionType) and not is_dataclass(allowed)
        if name in facts and is_plain and not isinstance(facts[name], allowed):
            raise ValueError(f"{name} is a {type(facts[name]).__name__}")


def parse_facts(content: bytes) -> dict[str, Any]:
    """Return the JSON object that ``content`` is: ASCII, each key once, no NaN.

    Raises:
        ValueError: what is wrong with it, in one sentence without a full stop.
    """
    if not content.strip(b"\0 \n"):
        raise ValueError("the file is empty")
    try:
        facts = json.loads(
            content.decode("ascii"), object_pairs_hook=_no_duplicates, parse_constant=_no_constant
        )
    except UnicodeDecodeError:
        raise ValueError("the file is damaged: not ASCII") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the file is torn or damaged: {error}") from None
    if not isinstance(facts, dict):
        raise ValueError("the file is damaged: not a JSON object")  # noqa: TRY004 - one kind of error
    return facts


def canonical_json(facts: Mapping[str, Any]) -> bytes:
    """Return the one form of ``facts`` that a checksum is taken over."""
    return json.dumps(facts, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    facts = dict(pairs)
    if len(facts) != len(pairs):
        raise ValueError("a key appears twice")
    return facts


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")
