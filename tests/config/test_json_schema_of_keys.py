"""What an editor shows of a key: the schema has all of them, with words and units."""

from bulkput.config.describe import keys
from bulkput.config.schema import json_schema

SCHEMA = json_schema()


def test_every_key_is_in_the_schema_with_title_and_description():
    definitions = [SCHEMA, *SCHEMA["$defs"].values()]
    sections = [part for each in definitions for part in [each, *each.get("anyOf", [])]]
    found = [properties for part in sections if (properties := part.get("properties"))]
    names = {name for properties in found for name in properties}
    assert names == {key.path.rsplit(".", 1)[-1] for key in keys()}
    for properties in found:
        for content in properties.values():
            assert content["title"]
            assert content["description"]


def test_unknown_keys_are_refused_in_every_section():
    for part in [SCHEMA, *SCHEMA["$defs"].values()]:
        section = part["anyOf"][1] if "anyOf" in part else part
        if section.get("type") == "object":
            assert section["additionalProperties"] is False


def test_defaults_are_written_with_their_unit():
    tuning = SCHEMA["$defs"]["TuningSettings"]["properties"]
    assert tuning["memory_budget"]["default"] == "64MiB"
    assert tuning["operation_deadline"]["default"] == "15m"
    assert tuning["in_flight_max"]["default"] == 512
