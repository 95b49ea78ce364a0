"""From file, environment and flags to settings of which every value knows its origin.

Owns the precedence: flag, then environment, then file, then default. All problems of all places
are reported together.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from bulkput.config.document import Document, Location, dotted, read_document
from bulkput.config.environment import read_environment
from bulkput.config.paths import FOLDER, current_folder, resolve
from bulkput.config.problems import PROBLEM_COUNT_MAX, findings
from bulkput.config.settings import Settings
from bulkput.model.errors import ConfigError, Problem

DEFAULT = "default"

JOB_FLAGS: Mapping[str, str] = MappingProxyType(
    {
        "region": "--region",
        "profile": "--profile",
        "endpoint": "--endpoint-url",
        "state_dir": "--state-dir",
        "parallel": "--parallel",
        "usd_per_thousand_puts": "--usd-per-thousand",
        "name": "--name",
    }
)
"""Flags that override keys of a job's file, by dotted key."""


@dataclass(frozen=True)
class LoadedSettings:
    """Settings, and where each value came from."""

    settings: Settings
    origins: Mapping[str, str]
    """By dotted key: ``file:LINE``, ``environment NAME``, ``flag --x``; what is absent is a
    default."""

    def origin(self, path: str) -> str:
        """Return where the value of the dotted key ``path`` came from."""
        return self.origins.get(path, DEFAULT)


@dataclass(frozen=True)
class Given:
    """A value from outside the file: where it goes, what the user calls it, and what it is."""

    location: Location
    name: str
    """As the user wrote it: ``--region``, ``SOURCE``, ``BULKPUT_REGION``."""
    value: Any
    kind: str
    """``flag``, ``argument`` or ``environment``."""


def load_settings(
    path: Path | str,
    *,
    environ: Mapping[str, str],
    overrides: Mapping[str, object] | None = None,
) -> LoadedSettings:
    """Load a job's file.

    Args:
        path: the YAML file.
        environ: the process's environment.
        overrides: values of flags by dotted key (``region``, ``tuning.window``); None is no flag.
            A relative ``Path`` starts from the current folder.

    Raises:
        ConfigError: with every problem found, in the order of the file.
    """
    given = [
        Given(tuple(key.split(".")), flag_name(key), from_here(value), "flag")
        for key, value in (overrides or {}).items()
        if value is not None
    ]
    return build(read_document(Path(path)), given, environ=environ)


def from_here(value: object) -> object:
    """Return a path below the current folder; all else, and what is no path, as it is."""
    if not isinstance(value, Path):
        return value
    try:
        return resolve(value, current_folder())
    except ValueError:
        return value


def flag_name(key: str) -> str:
    """Return the flag of a dotted key."""
    return JOB_FLAGS.get(key, "--" + key.rsplit(".", 1)[-1].replace("_", "-"))


def build(
    document: Document,
    given: Iterable[Given],
    *,
    environ: Mapping[str, str],
    problems: Iterable[Problem] = (),
) -> LoadedSettings:
    """Lay environment and ``given`` over ``document`` and check the whole.

    Raises:
        ConfigError: with every problem found, those in ``problems`` included.
    """
    folder = current_folder()
    found, unknown = read_environment(environ, folder)
    layers = [
        Given(tuple(key.split(".")), name, value, "environment")
        for key, (name, value) in found.items()
    ]
    layers += given  # later layers win
    _spell_sources_out(document)
    outside: dict[Location, Given] = {}
    for layer in layers:
        if _put(document.data, layer.location, layer.value):
            outside[layer.location] = layer
    wrong: list[Problem] = [*document.problems, *problems, *unknown]
    try:
        settings = Settings.model_validate(
            document.data,
            context={FOLDER: resolve(document.path, folder).parent if document.path else folder},
        )
    except ValidationError as error:
        wrong += [
            _problem(document, outside, location, expected)
            for location, expected in findings(error)
            if location not in document.refused
        ]
        settings = None
    if wrong or settings is None:
        raise ConfigError(_bounded(wrong), str(document.path or ""))
    origins = {dotted(at): f"{document.path}:{line}" for at, line in document.lines.items()}
    origins |= {dotted(at): f"{layer.kind} {layer.name}" for at, layer in outside.items()}
    return LoadedSettings(settings, MappingProxyType(origins))


def _spell_sources_out(document: Document) -> None:
    """Turn a source that is a plain path into its section, so that the path has an origin."""
    volumes = document.data.get("volumes")
    for index, volume in enumerate(volumes if isinstance(volumes, list) else ()):
        source = volume.get("source") if isinstance(volume, dict) else None
        if isinstance(source, str):
            at: Location = ("volumes", index, "source")
            volume["source"] = {"path": source}
            document.lines[(*at, "path")] = document.lines[at]


def _put(data: dict[str, Any], location: Location, value: object) -> bool:
    """Set ``value`` in nested data, making sections and first items; False where none fits."""
    here: Any = data
    for part, following in pairwise(location):
        empty: Any = [] if isinstance(following, int) else {}
        if isinstance(here, list) and part == len(here):
            here.append(empty)
        elif isinstance(here, dict):
            here.setdefault(part, empty)
        here = here[part]
        if not isinstance(here, type(empty)):
            return False  # the file has something else here, which will be reported
    here[location[-1]] = value
    return True


def _problem(
    document: Document, outside: Mapping[Location, Given], location: Location, expected: str
) -> Problem:
    """Place a finding: at the flag or variable that gave the value, else at the file's line."""
    for stop in range(len(location), 0, -1):
        layer = outside.get(location[:stop])
        if layer is not None:
            return Problem(layer.name, expected)
    return Problem(dotted(location), expected, document.line(location))


def _bounded(problems: list[Problem]) -> tuple[Problem, ...]:
    ordered = sorted(problems, key=lambda problem: problem.line or 0)
    if len(ordered) <= PROBLEM_COUNT_MAX:
        return tuple(ordered)
    more = len(ordered) - PROBLEM_COUNT_MAX
    return (*ordered[:PROBLEM_COUNT_MAX], Problem("", f"and {more} more problems"))
