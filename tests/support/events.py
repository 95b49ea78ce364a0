"""The lines of ``--events``, each held against the schema."""

import json
from functools import cache

from jsonschema import Draft202012Validator

from bulkput.observe.record_schema import record_schema


@cache
def _validator():
    return Draft202012Validator(record_schema())


def events_in(text, *, may_be_torn=False):
    """Return the objects of ``text``; each line has to be one, and as the schema says.

    ``may_be_torn`` passes over lines that a full disk has cut.
    """
    events = []
    for line in text.splitlines():
        try:
            events.append(json.loads(line))
        except ValueError:
            if not may_be_torn:
                raise
    for event in events:
        _validator().validate(event)
    return events
