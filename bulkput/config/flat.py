"""Settings as text by their keys: what a run goes by, for a report of it. Without secrets."""

from collections.abc import Iterator

from bulkput.config.describe import field_marks, value_text
from bulkput.config.naming import shown_source
from bulkput.config.section import Section
from bulkput.model.address import is_address

_VOLUMES_MAX = 100
"""Of a job of thousands, whose keys nobody reads one by one."""


def flat_settings(settings: Section) -> dict[str, str]:
    """Return every value by its key; of lists, such as volumes, only what is not the default."""
    return dict(_values(settings, "", only_set=False))


def _values(section: Section, prefix: str, *, only_set: bool) -> Iterator[tuple[str, str]]:
    for name, field in type(section).model_fields.items():
        key, value = f"{prefix}{field.alias or name}", getattr(section, name)
        if isinstance(value, Section):
            yield from _values(value, f"{key}.", only_set=only_set)
        elif isinstance(value, tuple) and value and isinstance(value[0], Section):
            for index, item in enumerate(value[:_VOLUMES_MAX]):
                yield from _values(item, f"{key}[{index}].", only_set=True)
        elif isinstance(value, dict):
            yield from ((f"{key}.{entry}", str(text)) for entry, text in value.items())
        elif not only_set or value != field.get_default(call_default_factory=True):
            yield key, _text(value, field_marks(field))


def _text(value: object, marks: tuple[object, ...]) -> str:
    if isinstance(value, str) and is_address(value):
        return shown_source(value)
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return value_text(value, marks)
