"""What a copy is told: which snapshot, from where, and the snapshot that it becomes.

Owns that what is not said of the target is as the source's, and how each end's keys are called.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bulkput.config.flags import settings_from_flags, settings_from_options
from bulkput.config.settings import Settings

_ENDS = ("region", "profile", "endpoint_url")
_PLACEHOLDER = Path("/dev/null")
"""Settings have a volume with a source; the source of a copy is no file."""

_OF_BOTH = ("allow_insecure_http", "state_dir", "tuning")
_OF_COPY = ("snapshot_id", "full")

_TO_FLAGS: Mapping[str, str] = MappingProxyType(
    {end: f"--to-{end.replace('_', '-')}" for end in _ENDS}
)
_TO_OPTIONS: Mapping[str, str] = MappingProxyType({end: f"to_{end}" for end in _ENDS})


@dataclass(frozen=True)
class CopySettings:
    """A snapshot to copy, and both ends."""

    snapshot_id: str
    source: Settings
    """Where the snapshot is; of its one volume nothing counts."""
    target: Settings
    """Where it goes; its one volume has what was said of the new snapshot."""
    full: bool
    """Copy all blocks, though an earlier copy could be the parent."""


def copy_from_flags(
    flags: Mapping[str, Any], *, environ: Mapping[str, str], config: Path | None
) -> CopySettings:
    """Return what flags say, by the names of ``CopyOptions`` with ``tag`` for ``tags``.

    Raises:
        ConfigError: with every problem found at one end, each by its flag.
    """

    def settings(given: Mapping[str, object], said: Mapping[str, str]) -> Settings:
        return settings_from_flags(
            _PLACEHOLDER, flags=given, environ=environ, config=config, said=said
        ).settings

    source = settings(_from(flags), {})
    return CopySettings(
        flags["snapshot_id"], source, settings(_to(flags, source), _TO_FLAGS), flags["full"]
    )


def copy_from_options(options: Mapping[str, Any]) -> CopySettings:
    """Return what a program says, by the names of ``CopyOptions``.

    Raises:
        ConfigError: with every problem found at one end, each by its option.
    """
    placeholder = {"source": _PLACEHOLDER}
    source = settings_from_options(_from(options) | placeholder)
    target = settings_from_options(_to(options, source) | placeholder, said=_TO_OPTIONS)
    return CopySettings(options["snapshot_id"], source, target, options["full"])


def _from(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name in (*_ENDS, *_OF_BOTH)}


def _to(said: Mapping[str, Any], source: Settings) -> dict[str, Any]:
    """Return the target's part: an end that is not said is the source's."""
    target = {
        name: value
        for name, value in said.items()
        if name not in (*_ENDS, *_OF_COPY, *(f"to_{end}" for end in _ENDS))
    }
    target["profile"] = said["to_profile"] or source.profile
    target["endpoint_url"] = said["to_endpoint_url"] or source.endpoint
    # Another profile brings its own Region along.
    inherited = None if said["to_profile"] else source.region
    target["region"] = said["to_region"] or inherited
    return target
