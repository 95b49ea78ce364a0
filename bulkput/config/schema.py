"""The JSON Schema of the configuration, for editors.

Derived from the models, so that it accepts what the program accepts. What compares quantities with
units (`window` with `memory_budget`) or looks across volumes (names) is beyond a schema.
"""

from typing import Any

from bulkput.config.describe import Key, keys, value_text
from bulkput.config.settings import Settings

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12)."""
    schema = Settings.model_json_schema(by_alias=True, mode="validation")
    known: dict[str, Key] = {key.path.rsplit(".", 1)[-1]: key for key in keys()}
    for definition in [schema, *schema["$defs"].values()]:
        for section in [definition, *definition.get("anyOf", [])]:
            for name, found in section.get("properties", {}).items():
                found.setdefault("title", name)
                _write_default_as_text(found, known.get(name))
    return {"$schema": DIALECT, **schema, "title": "bulkput job"}


def _write_default_as_text(found: dict[str, Any], key: Key | None) -> None:
    """Replace a default in bytes or seconds by what one would write: ``128MiB``."""
    value = found.get("default")
    if key is not None and isinstance(value, int | float) and not isinstance(value, bool):
        text = value_text(value, key.marks)
        if text != str(value):
            found["default"] = text
