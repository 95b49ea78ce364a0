"""The JSON Schema of the lines of ``--events``: for whoever reads them, and for the tests.

Written by hand beside ``record``, so that a field cannot change unnoticed.
"""

from collections.abc import Mapping
from typing import Any

from bulkput.model.disk_map import CELLS_MAX, BlockFate
from bulkput.model.progress import Phase, RateLimiter
from bulkput.observe.record import PERCENTILES, VERSION

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_TEXT = {"type": "string"}
_TEXT_OR_NULL = {"type": ["string", "null"]}
_COUNT = {"type": "integer", "minimum": 0}
_NUMBER = {"type": "number", "minimum": 0}
_NUMBER_OR_NULL = {"type": ["number", "null"], "minimum": 0}
_TEXT_BY_NAME = {"type": "object", "additionalProperties": _TEXT}
_FLAG = {"type": "boolean"}


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": dict(properties)}


_BLOCK_KINDS = (
    *("total", "put", "resumed", "skipped_zero", "skipped_hole", "unchanged"),
    *("to_verify", "verified", "restored", "read"),
)
_BY_KIND = _object(dict.fromkeys(_BLOCK_KINDS, _COUNT))
_LATENCY_MS = {"anyOf": [{"type": "null"}, _object(dict.fromkeys(PERCENTILES, _NUMBER))]}
_CALLS = _object(
    {
        "attempts": _COUNT,
        "retried": _COUNT,
        "throttled": _COUNT,
        "per_s": _NUMBER,
        "latency_ms": _LATENCY_MS,
    }
)
_OUTCOME = {
    "type": "object",
    "required": ["exit_code", "error"],
    "properties": {"exit_code": _COUNT, "status": _TEXT, "error": _TEXT_OR_NULL},
}
_COUNTERS: Mapping[str, Any] = {
    "fraction": {"type": "number", "minimum": 0, "maximum": 1},
    "left_s": _NUMBER_OR_NULL,
    "blocks": _BY_KIND,
    "bytes": _BY_KIND,
    "puts": _CALLS,
    "gets": _CALLS,
    "in_flight": _COUNT,
    "failures": {"type": "object", "additionalProperties": _COUNT},
    "dropped": _COUNT,
}
_LIMITER = {"enum": [None, *(str(limiter) for limiter in RateLimiter)]}
EVENTS: Mapping[str, Mapping[str, Any]] = {
    "started": {
        "volume_count": _COUNT,
        "program_version": _TEXT,
        "process_id": _COUNT,
        "host": _TEXT,
        "job": _TEXT_OR_NULL,
        "job_id": _TEXT_OR_NULL,
    },
    "configuration": {
        "settings": _TEXT_BY_NAME,
        "versions": _TEXT_BY_NAME,
        "machine": {
            "type": "object",
            "additionalProperties": {"type": ["string", "integer", "null"]},
        },
        "prices": {"type": "object", "additionalProperties": _NUMBER},
    },
    "volume_started": {"source": _TEXT},
    "phase": {"phase": {"enum": [str(phase) for phase in Phase]}, "detail": _TEXT},
    "progress": {
        "phase": {"enum": [str(phase) for phase in Phase]},
        "snapshot_id": _TEXT_OR_NULL,
        "allowed_per_s": _NUMBER_OR_NULL,
        "allowed_by": _LIMITER,
        "limited_by": _LIMITER,
        **_COUNTERS,
    },
    "job_progress": {
        "elapsed_s": _NUMBER,
        "volumes": _object(
            dict.fromkeys(("total", "completed", "failed", "running", "waiting"), _COUNT)
        ),
        **_COUNTERS,
    },
    "retry": {
        "call": {"enum": ["put", "get"]},
        "block_index": _COUNT,
        "failure": _TEXT,
        "delay_s": _NUMBER,
        "error": _TEXT,
    },
    "disk_map": {
        "block_count": _COUNT,
        "blocks_per_cell": _COUNT,
        "cells": {
            "type": "object",
            "propertyNames": {"enum": [str(fate) for fate in BlockFate]},
            "additionalProperties": {"type": "array", "items": _COUNT, "maxItems": CELLS_MAX},
        },
    },
    "note": {"text": _TEXT, "warning": _FLAG},
    "volume_ended": {"outcome": _OUTCOME},
    "image_ended": {"outcome": _OUTCOME},
    "result": {"result": {"type": "object"}},
    "error": {"error": _TEXT, "exit_code": _COUNT, "snapshot_id": _TEXT_OR_NULL},
    "job_ended": {"exit_code": _COUNT, "elapsed_s": _NUMBER, "dropped": _COUNT},
}
_OF_A_VOLUME = frozenset({"volume_started", "phase", "retry", "disk_map", "volume_ended"})
_OF_THE_RUN = frozenset(
    {"started", "configuration", "job_progress", "image_ended", "result", "error", "job_ended"}
)


def record_schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12) of one line."""
    return {
        "$schema": DIALECT,
        "title": "bulkput event",
        "type": "object",
        "required": ["v", "ts", "event", "run", "verb", "volume"],
        "properties": {
            "v": {"const": VERSION},
            "ts": {
                "type": "string",
                "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z$",
            },
            "run": _TEXT,
            "verb": _TEXT,
            "host": _TEXT,  # of the run; of a volume, which of a fleet's hosts works on it
        },
        "oneOf": [_variant(name, fields) for name, fields in EVENTS.items()],
    }


def _variant(name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    volume: Mapping[str, Any] = _TEXT_OR_NULL
    if name in _OF_A_VOLUME:
        volume = _TEXT
    elif name in _OF_THE_RUN:
        volume = {"type": "null"}
    properties = {"event": {"const": name}, "volume": volume, **fields}
    return _object(properties)
