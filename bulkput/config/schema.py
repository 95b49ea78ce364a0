"""The JSON Schema of job files, for editors.

Derived from the models, so that it accepts what the program accepts. What compares quantities with
units (`window` with `memory_budget`) or looks across volumes (names) is beyond a schema, and so is
what an editor reads as a number and this program as text: `001234567012`.
"""

from copy import deepcopy
from typing import Any

from bulkput.config.describe import Key, keys, value_text
from bulkput.config.job_file import JobFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SCHEMA_ID = "urn:bulkput:job:1"
"""With the version of the format; a name, because no server has to be asked for it."""

_VARIABLE: dict[str, Any] = {"type": "string", "pattern": r"\$\{"}
"""Whatever a key takes, a text with variables may stand for it."""
_OF_THE_KEY = ("title", "description", "default")


def json_schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12)."""
    schema = JobFile.model_json_schema(by_alias=True, mode="validation")
    known: dict[str, Key] = {key.path.rsplit(".", 1)[-1]: key for key in keys()}
    _add_defaults(schema)
    for definition in [schema, *schema["$defs"].values()]:
        for section in [definition, *definition.get("anyOf", [])]:
            for name, found in section.get("properties", {}).items():
                found.setdefault("title", name)
                _write_default_as_text(found, known.get(name))
                if name != "version":
                    _take_variables(found, schema["$defs"])
    return {"$schema": DIALECT, "$id": SCHEMA_ID, **schema, "title": "bulkput job"}


def _add_defaults(schema: dict[str, Any]) -> None:
    """Let `defaults` be a volume of which nothing is required; with it, volumes are so too."""
    definitions = schema["$defs"]
    loose = {
        name: deepcopy(definitions[name])
        for name in ("VolumeSettings", "SourceSettings", "SnapshotSettings")
    }
    for definition in loose.values():
        for section in [definition, *definition.get("anyOf", [])]:
            for rule in ("required", "oneOf", "allOf"):
                section.pop(rule, None)
    tags = loose["SnapshotSettings"]["properties"]["tags"]["patternProperties"]
    for text in tags.values():
        text["type"] = [*text["type"], "null"]
    for name, definition in loose.items():
        definitions[name.replace("Settings", "Defaults")] = definition
    of_volume = loose["VolumeSettings"]["properties"]
    of_volume["source"]["$ref"] = "#/$defs/SourceDefaults"
    of_volume["snapshot"]["$ref"] = "#/$defs/SnapshotDefaults"
    properties = schema["properties"]
    for name in ("type", "additionalProperties"):
        properties["defaults"].pop(name, None)
    any_volume = {"$ref": "#/$defs/VolumeDefaults"}
    properties["defaults"] |= any_volume
    whole_volume = properties["volumes"]["items"]
    properties["volumes"]["items"] = any_volume
    schema["allOf"].append(
        {
            "if": {"not": {"required": ["defaults"]}},
            "then": {"properties": {"volumes": {"items": whole_volume}}},
        }
    )
    lists = properties["volumes_from"]
    one = lists.pop("items")
    lists["anyOf"] = [one, {"type": lists.pop("type"), "items": one}]


def _take_variables(found: dict[str, Any], definitions: dict[str, Any]) -> None:
    """Let a value be text with variables, and the entries of a list or of free text too."""
    for entries in [*found.get("patternProperties", {}).values(), found.get("items")]:
        if entries is not None:
            _take_variables(entries, definitions)
    target = definitions.get(found.get("$ref", "").removeprefix("#/$defs/"), found)
    options = [target, *target.get("anyOf", ())]
    if not any(option.get("type") in ("object", "array") or "$ref" in option for option in options):
        own = {name: found.pop(name) for name in list(found) if name not in _OF_THE_KEY}
        found["anyOf"] = [own, dict(_VARIABLE)]


def _write_default_as_text(found: dict[str, Any], key: Key | None) -> None:
    """Replace a default in bytes or seconds by what one would write: ``128MiB``."""
    value = found.get("default")
    if key is not None and isinstance(value, int | float) and not isinstance(value, bool):
        text = value_text(value, key.marks)
        if text != str(value):
            found["default"] = text
