"""What a copy is given: which snapshot, from where, and the snapshot that it becomes.

Owns that what the target does not set is as the source's, and how each end's keys are called.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bulkput.config.flags import settings_from_flags, settings_from_options
from bulkput.config.service import ServiceSettings
from bulkput.config.settings import JobSettings
from bulkput.model.errors import ConfigError, Problem
from bulkput.model.snapshot_id import SNAPSHOT_ID_EXPECTED, is_snapshot_id

_ENDS = ("region", "profile", "endpoint_url")
_OF_BOTH = ("allow_insecure_http", "state_dir", "state_store", "tuning", "quota_share")
_OF_COPY = ("snapshot_id", "full")

_TO_FLAGS: Mapping[str, str] = MappingProxyType(
    {end: f"--to-{end.replace('_', '-')}" for end in _ENDS}
)
_TO_OPTIONS: Mapping[str, str] = MappingProxyType({end: f"to_{end}" for end in _ENDS})


@dataclass(frozen=True)
class CopySettings:
    """A snapshot to copy, and both ends."""

    snapshot_id: str
    source: ServiceSettings
    """Where the snapshot is."""
    target: JobSettings
    """Where it goes; its one volume is the snapshot, with what was configured of the new one."""
    full: bool
    """Copy all blocks, though an earlier copy could be the parent."""


def copy_from_flags(
    flags: Mapping[str, Any], *, environ: Mapping[str, str], config: Path | None
) -> CopySettings:
    """Return the settings of flags, named as in ``CopyOptions`` with ``tag`` for ``tags``.

    Raises:
        ConfigError: with every problem found at one end, each by its flag.
    """
    snapshot_id = _checked_id(flags)
    load = partial(settings_from_flags, environ=environ, config=config)
    source = load(None, flags=_from(flags)).settings
    target = load(snapshot_id, flags=_to(flags, source), user_names=_TO_FLAGS).settings
    return CopySettings(snapshot_id, source, target, flags["full"])


def copy_from_options(options: Mapping[str, Any]) -> CopySettings:
    """Return the settings of a program, named as in ``CopyOptions``.

    Raises:
        ConfigError: with every problem found at one end, each by its option.
    """
    snapshot_id = _checked_id(options)
    source = settings_from_options(_from(options))
    wanted = _to(options, source) | {"source": snapshot_id}
    target = settings_from_options(wanted, user_names=_TO_OPTIONS)
    return CopySettings(snapshot_id, source, target, options["full"])


def _checked_id(options: Mapping[str, Any]) -> str:
    snapshot_id = options["snapshot_id"]
    if not is_snapshot_id(snapshot_id):
        raise ConfigError((Problem("SNAPSHOT", f"expected {SNAPSHOT_ID_EXPECTED}"),))
    return str(snapshot_id)


def _from(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name in (*_ENDS, *_OF_BOTH)}


def _to(options: Mapping[str, Any], source: ServiceSettings) -> dict[str, Any]:
    """Return the target's part: an end that is not given is the source's."""
    target = {
        name: value
        for name, value in options.items()
        if name not in (*_ENDS, *_OF_COPY, *(f"to_{end}" for end in _ENDS))
    }
    target["profile"] = options["to_profile"] or source.profile
    target["endpoint_url"] = options["to_endpoint_url"] or source.endpoint
    # Another profile brings its own Region along.
    inherited = None if options["to_profile"] else source.region
    target["region"] = options["to_region"] or inherited
    return target
