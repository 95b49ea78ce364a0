"""The lines of ``--events``, each held against the schema."""

import json
from functools import cache

from jsonschema import Draft202012Validator

from bulkput.observe.record_schema import record_schema


@cache
def _validator():
    return Draft202012Validator(record_schema())


def events_in(text):
    """Return the objects of ``text``; each line has to be one, and as the schema says."""
    events = [json.loads(line) for line in text.splitlines()]
    for event in events:
        _validator().validate(event)
    return events
