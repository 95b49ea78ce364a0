"""Which files of the state folder another machine needs too, and which of two is the newer. Pure.

The keys in a state store are the paths below the state folder.
"""

import json
from pathlib import Path
from typing import Any

from bulkput.config.job_request import JobIdentity
from bulkput.jobs.state.job_record import FORMAT_VERSION, decode_record, record_path
from bulkput.ledger.header_schema import parse_facts, require_version
from bulkput.ledger.manifest import manifest_path
from bulkput.ledger.series import decode_generation, series_path

COPIES = "copies"


def manifest_name(snapshot_id: str) -> str:
    """Return the key of a manifest."""
    return str(manifest_path(Path(), snapshot_id))


def series_name(name: str, *, endpoint_url: str | None, region: str) -> str:
    """Return the key of what is known of a series."""
    return str(series_path(Path(), name, endpoint_url=endpoint_url, region=region))


def record_name(identity: JobIdentity) -> str:
    """Return the key of a job's record."""
    return str(record_path(Path(), identity))


def is_newer_series(here: bytes | None, stored: bytes) -> bool:
    """Return whether the store's series has more snapshots than the one here.

    Raises:
        OtherVersionError: it is of another version.
        ValueError: it is damaged.
    """
    theirs = decode_generation(stored)
    return (theirs.number, theirs.created_unix_s) > _rank(here, "number", "created_unix_s")


def is_newer_record(here: bytes | None, stored: bytes) -> bool:
    """Return whether a job's record was changed later than the one here.

    Raises:
        OtherVersionError: it is of another version.
        ValueError: it is damaged.
    """
    require_version(parse_facts(stored).get("format_version"), FORMAT_VERSION)
    theirs = decode_record(stored)
    if theirs is None:
        raise ValueError("the record is damaged")
    return (theirs.updated_unix_s,) > _rank(here, "updated_unix_s")


def is_newer_copy(here: bytes | None, stored: bytes) -> bool:
    """Return whether the store knows a copy that is not known here, or its end."""
    return _has_end(stored) > _has_end(here)


def _facts(content: bytes | None) -> dict[str, Any]:
    try:
        facts = json.loads(content or b"{}")
    except (ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _rank(content: bytes | None, *names: str) -> tuple[float, ...]:
    """Return the values of some keys, each below every real one where it is missing."""
    facts = _facts(content)
    values = [facts.get(name) for name in names]
    return tuple(float(each) if isinstance(each, int | float) else -1.0 for each in values)


def _has_end(content: bytes | None) -> int:
    facts = _facts(content)
    return 0 if not facts else 2 if facts.get("copy_id") else 1
