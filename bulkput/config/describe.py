"""Every key of the configuration with type, default and description, read off the models.

Owns the walk over the models' fields, for whoever lists keys: environment, schema, manual, help.
"""

import functools
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from types import MappingProxyType, NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from bulkput.config.process_count import ProcessCount
from bulkput.config.quantity import (
    Duration,
    Size,
    VolumeSize,
    Window,
    duration_text,
    size_text,
)
from bulkput.config.section import Section
from bulkput.config.text import Text

QUANTITIES = (Size, VolumeSize, Duration, Window, Text, ProcessCount)
"""Marks of values that are written as text; each describes itself."""
REQUIRED = "required"
NOTHING = "not given"


class Key(NamedTuple):
    """One key, as a reader of the reference sees it."""

    path: str
    """Dotted; ``[]`` stands for the items of a list."""
    type_text: str
    default: str
    """As it would be written, ``required`` or ``not given``."""
    description: str
    attribute: str
    """The name of the field in its section."""
    kind: type
    """The Python type without ``None``; a `Section` or ``tuple`` has keys of its own below."""
    marks: tuple[Any, ...] = ()
    """What the annotation holds beside the type: bounds, quantities, forms."""

    @property
    def expected_text(self) -> str:
        """The type as it follows the word "expected"."""
        words = self.type_text.replace("`", "")
        return f"a {words}" if words.startswith(("whole", "number")) else words


def keys() -> Iterator[Key]:
    """Yield every key of a job's file, in the order of the models."""
    from bulkput.config.job_file import JobFile  # noqa: PLC0415 - settings from flags ask for none

    yield from _keys_of(JobFile, "")


def _keys_of(section: type[Section], prefix: str) -> Iterator[Key]:
    """Yield every key of ``section`` and below."""
    for name, field in section.model_fields.items():
        path = prefix + (field.alias or name)
        kind, marks = _bare(field.annotation, tuple(field.metadata))
        item = next((arg for arg in get_args(kind) if _is_section(arg)), None)
        if item is not None:
            default = REQUIRED if field.is_required() else NOTHING
            yield Key(path, "list of sections", default, field.description or "", name, tuple)
            yield from _keys_of(item, f"{path}[].")
            continue
        shown = value_text(_default(field), marks)
        default = REQUIRED if field.is_required() else shown
        if _is_section(kind):
            given = _default(field) is None
            default = NOTHING if given else "its keys' defaults"
            default = REQUIRED if field.is_required() else default
        words = "path, or section" if path.endswith(".source") else type_text(kind, marks)
        description = field.description or ""
        yield Key(path, words, default, description, name, _python_type(kind), marks)
        if _is_section(kind):
            yield from _keys_of(kind, f"{path}.")


def value_text(value: object, marks: tuple[Any, ...] = ()) -> str:
    """Return a value as one would write it: ``128MiB``, ``true``, ``not given``."""
    if value is None:
        return NOTHING
    for mark in marks:
        if isinstance(mark, Size) and isinstance(value, int):
            return size_text(value)
        if isinstance(mark, Duration) and isinstance(value, float):
            return duration_text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return str(value.value)
    return "[]" if value == () else str(value)


def type_text(kind: Any, marks: tuple[Any, ...]) -> str:
    """Return a type in words, with its bounds."""
    for mark in marks:
        if isinstance(mark, QUANTITIES):
            return mark.words
    choices = _choices(kind)
    if choices:
        return " or ".join(f"`{choice}`" for choice in choices)
    least, most = _bounds(marks)
    words = {
        bool: "`true` or `false`",
        Path: "path",
        int: f"whole number from {least} to {most}",
        float: f"number above {least} up to {most}",
        dict: "section" + (f" of text, at most {most} entries" if most else ""),
        tuple: "list of text",
    }
    return words.get(_python_type(kind), "section")


def _choices(kind: Any) -> tuple[str, ...]:
    if get_origin(kind) is Literal:
        return tuple(str(choice) for choice in get_args(kind))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return tuple(str(choice.value) for choice in kind)
    return ()


def _python_type(kind: Any) -> type:
    """Return a class for every annotation: that of its choices for a ``Literal``."""
    origin = get_origin(kind)
    return type(get_args(kind)[0]) if origin is Literal else origin or kind


def field_marks(field: FieldInfo) -> tuple[Any, ...]:
    """Return what a field's annotation holds beside the type."""
    return _bare(field.annotation, tuple(field.metadata))[1]


def markdown_table() -> str:
    """Return the reference of all keys as a table in Markdown."""
    rows = ["| key | type | default | description |", "|---|---|---|---|"]
    for key in keys():
        cells = (f"`{key.path}`", key.type_text, key.default, key.description)
        rows.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def _bare(annotation: Any, marks: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    """Return an annotation without ``None`` and ``Annotated``, and what these held."""
    while True:
        if get_origin(annotation) in (Union, UnionType):
            # The first counts: a source is a path, or what is written in the place of one.
            annotation = next(arg for arg in get_args(annotation) if arg is not NoneType)
        elif get_origin(annotation) is Annotated:
            annotation, *more = get_args(annotation)
            for mark in more:
                marks += tuple(mark.metadata) if isinstance(mark, FieldInfo) else (mark,)
        else:
            return annotation, marks


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Section)


def _default(field: FieldInfo) -> object:
    return None if field.is_required() else field.get_default(call_default_factory=True)


def _bounds(marks: tuple[Any, ...]) -> tuple[Any, Any]:
    """Return least and most, or what a number must be above, or entries at most."""
    facts = {
        name: getattr(mark, name)
        for mark in marks
        for name in ("ge", "gt", "le", "max_length")
        if getattr(mark, name, None) is not None
    }
    return facts.get("ge", facts.get("gt")), facts.get("le", facts.get("max_length"))


@functools.cache
def keys_by_path() -> Mapping[str, Key]:
    """Return all keys of a job file: 7 ms, which a run that needs none does not pay."""
    return MappingProxyType({key.path: key for key in keys()})
