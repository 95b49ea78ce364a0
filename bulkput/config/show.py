"""Settings as YAML again, each value with where it came from.

Owns the layout only. The text can be loaded: it has the same values as the file, and every default.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from bulkput.config.describe import field_marks, value_text
from bulkput.config.document import dotted
from bulkput.config.load import DEFAULT, LoadedSettings
from bulkput.config.naming import shown_source
from bulkput.config.scalar import plain_scalar
from bulkput.config.section import Section
from bulkput.model.address import is_address

_PLAIN = re.compile(r"[A-Za-z_./~][A-Za-z0-9_./~+:@=-]*")
"""Text that needs no quotes; all else gets them."""
_WORDS_OF_YAML_1_1 = {"yes", "no", "on", "off", "y", "n"}
"""Text to us, truth values to older readers of YAML: in quotes for their sake."""
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""What JSON leaves as it is and YAML wants escaped."""


class _Line(NamedTuple):
    indent: str
    text: str
    origin: str


def shown(loaded: LoadedSettings) -> str:
    """Return every value of ``loaded`` with its origin as an aligned comment."""
    lines = list(_section(loaded, loaded.settings, "", ""))
    width = max(len(line.indent + line.text) for line in lines if line.origin) + 2
    return "".join(
        f"{line.indent + line.text:<{width}}# {line.origin}\n"
        if line.origin
        else f"{line.indent}{line.text}\n"
        for line in lines
    )


def _section(loaded: LoadedSettings, section: Section, prefix: str, indent: str) -> Iterator[_Line]:
    for name, field in type(section).model_fields.items():
        key = field.alias or name
        path = f"{prefix}{key}"
        value = getattr(section, name)
        if isinstance(value, Section):
            yield _Line(indent, f"{key}:", "")
            yield from _section(loaded, value, f"{path}.", f"{indent}  ")
        elif isinstance(value, tuple) and not any(isinstance(each, Section) for each in value):
            texts = ", ".join(_quoted(each) for each in value)
            yield _Line(indent, f"{key}: [{texts}]", loaded.origin(path))
        elif isinstance(value, tuple):
            yield _Line(indent, f"{key}:", "")
            yield from _items(loaded, value, path, indent)
        elif isinstance(value, dict) and value:
            yield _Line(indent, f"{key}:", "")
            for entry, text in value.items():
                origin = _entry_origin(loaded, path, entry)
                yield _Line(f"{indent}  ", f"{_quoted(entry)}: {_written_out(text)}", origin)
        else:
            shown_value = _value(value, field_marks(field))
            yield _Line(indent, f"{key}: {shown_value}", loaded.origin(path))


def _items(
    loaded: LoadedSettings, items: tuple[Section, ...], path: str, indent: str
) -> Iterator[_Line]:
    for index, item in enumerate(items):
        first = True
        for line in _section(loaded, item, f"{path}[{index}].", f"{indent}    "):
            yield line._replace(indent=f"{indent}  - ") if first else line
            first = False


def _entry_origin(loaded: LoadedSettings, path: str, entry: str) -> str:
    """Return the origin of one tag, or of all tags where they came together from flags."""
    name = dotted((entry,))
    own = loaded.origin(f"{path}{name}" if name.startswith("[") else f"{path}.{name}")
    return own if own != DEFAULT else loaded.origin(path)


def _value(value: object, marks: tuple[Any, ...]) -> str:
    if value is None:
        return "null"
    text = value_text(value, marks)
    if isinstance(value, str) and is_address(value):
        shown = shown_source(value)
        text = shown if shown == value else f"{shown}?****"  # a signature may stand there
    return text if isinstance(value, bool | int | float | dict) else _written_out(text)


def _written_out(text: str) -> str:
    """Return a value as YAML reads it back; what is written out already is no variable."""
    return _quoted(text.replace("${", "$${"))


def _quoted(text: str) -> str:
    """Return ``text`` as YAML reads it back: as it is where that is safe, else in quotes."""
    safe = _PLAIN.fullmatch(text) and isinstance(plain_scalar(text), str)
    if safe and not text.endswith(":") and text.lower() not in _WORDS_OF_YAML_1_1:
        return text
    return _UNPRINTABLE.sub(
        lambda match: f"\\u{ord(match[0]):04x}", json.dumps(text, ensure_ascii=False)
    )
