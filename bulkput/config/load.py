"""From file, environment and flags to settings of which every value knows its origin.

Owns the precedence: flag, then environment, then file, then default. All problems of all places
are reported together.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from pydantic import ValidationError

from bulkput.config.document import (
    Document,
    Location,
    dotted,
    locations,
)
from bulkput.config.environment import read_environment
from bulkput.config.expand import expand, today
from bulkput.config.expansion import NO_INPUTS, Expansion, Inputs
from bulkput.config.job_request import JobRequest, identity_of
from bulkput.config.paths import FOLDER, STANDARD_INPUT, current_folder, resolve
from bulkput.config.problems import PROBLEM_COUNT_MAX, findings
from bulkput.config.settings import MAY_BE_EMPTY, WHERE, JobSettings
from bulkput.model.errors import ConfigError, Problem

DEFAULT = "default"

JOB_FLAGS: Mapping[str, str] = MappingProxyType(
    {
        "region": "--region",
        "profile": "--profile",
        "endpoint": "--endpoint-url",
        "state_dir": "--state-dir",
        "state_store": "--state-store",
        "parallel": "--parallel",
        "order": "--order",
        "on_error": "--on-error",
        "max_duration": "--max-duration",
        "usd_per_thousand_puts": "--usd-per-thousand",
        "name": "--name",
        "tuning.processes": "--processes",
    }
)
"""Flags that override keys of a job's file, by dotted key."""


@dataclass(frozen=True)
class LoadedSettings:
    """Settings, and where each value came from."""

    settings: JobSettings
    find_origins: Callable[[], Mapping[str, str]] = field(repr=False, compare=False)
    """Reads off where values came from: asked for by few, and slow for thousands of volumes."""
    warnings: tuple[str, ...] = ()
    """What the user should know, a sentence each."""

    @cached_property
    def origins(self) -> Mapping[str, str]:
        """By dotted key: ``file:LINE``, ``environment NAME``, ``flag --x``; else a default."""
        return self.find_origins()

    def origin(self, path: str) -> str:
        """Return where the value of the dotted key ``path`` came from."""
        return self.origins.get(path, DEFAULT)


class Given(NamedTuple):
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
    inputs: Inputs = NO_INPUTS,
) -> LoadedSettings:
    """Load a job's file, and what it names as inventories. Blocks.

    Args:
        path: the YAML file; ``-`` is standard input.
        environ: the process's environment.
        overrides: values of flags by dotted key (``region``, ``tuning.window``); None is no flag.
            A relative ``Path`` starts from the current folder.
        inputs: what the file may refer to beside the environment.

    Raises:
        ConfigError: with every problem found, in the order of the file.
    """
    given = [
        Given(tuple(key.split(".")), flag_name(key), from_here(value), "flag")
        for key, value in (overrides or {}).items()
        if value is not None
    ]
    is_piped = str(path) == STANDARD_INPUT
    from bulkput.config.yaml_file import (  # noqa: PLC0415 - flags need no YAML
        read_document,
        read_standard_input,
    )

    document = read_standard_input() if is_piped else read_document(Path(path))
    inputs = replace(inputs, date=inputs.date or today())
    loaded = build(document, given, environ=environ, inputs=inputs)
    identity = identity_of(document.path, loaded.settings.name)
    request = JobRequest(identity, inputs.date or "", is_of_one=len(loaded.settings.volumes) == 1)
    return replace(loaded, settings=loaded.settings.requested(request))


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
    inputs: Inputs = NO_INPUTS,
    has_volumes: bool = True,
) -> LoadedSettings:
    """Lay environment and ``given`` over ``document``, write it out, and check the whole.

    Args:
        document: The file; its data is used up.
        given: Values of flags and arguments.
        environ: The process's environment.
        problems: That were found already.
        inputs: What the file may refer to beside the environment.
        has_volumes: False where only the service is meant: then there are none.

    Raises:
        ConfigError: with every problem found, those in ``problems`` included.
    """
    here = current_folder()
    found, warnings = read_environment(environ, here)
    layers = [
        Given(tuple(key.split(".")), name, value, "environment")
        for key, (name, value) in found.items()
    ]
    layers += given  # later layers win
    outside: dict[Location, Given] = {}
    for layer in layers:
        if _put(document.data, layer.location, layer.value):
            outside[layer.location] = layer
    folder = resolve(document.path, here).parent if document.path else here
    if not has_volumes:
        document.data["volumes"] = []
    expansion = expand(document, folder=folder, environ=environ, outside=outside, inputs=inputs)
    wrong: list[Problem] = [*document.problems, *problems, *expansion.problems]
    context = {
        FOLDER: folder,
        MAY_BE_EMPTY: expansion.may_be_empty or not has_volumes,
        WHERE: lambda index: _where(expansion, index),
    }
    settings = None
    try:
        settings = JobSettings.model_validate(expansion.data, context=context)
    except ValidationError as error:
        refused = document.refused | expansion.refused
        wrong += [
            _problem(expansion, outside, location, expected)
            for location, expected in findings(error)
            if location not in refused
        ]
    if wrong or settings is None:
        raise ConfigError(_bounded(wrong), _called(document))
    return LoadedSettings(settings, lambda: _origins(expansion, outside), tuple(warnings))


def _called(document: Document) -> str:
    return "standard input" if document.is_standard_input else str(document.path or "")


def _where(expansion: Expansion, index: int) -> str:
    """Return how a problem names the volume at ``index``, with where it stands."""
    standing = expansion.standing(("volumes", index))
    if standing.place:
        return standing.place
    line = "" if standing.line is None else f" (line {standing.line})"
    return f"volumes[{index}]{line}"


def _origins(expansion: Expansion, outside: Mapping[Location, Given]) -> Mapping[str, str]:
    document = expansion.document
    name = _called(document)
    origins = {
        dotted(at): f"{name}:{line}" for at, line in document.lines.items() if at[0] != "volumes"
    }
    for location in locations(expansion.data.get("volumes"), ("volumes",)):
        standing = expansion.standing(location)
        if standing.place or standing.line is not None:
            kind = " (defaults)" if standing.path.startswith("defaults") else ""
            place = standing.place or f"{name}:{standing.line}"
            origins[dotted(location)] = f"{place}{kind}"
    origins |= {dotted(at): f"{layer.kind} {layer.name}" for at, layer in outside.items()}
    return MappingProxyType(origins)


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
    expansion: Expansion, outside: Mapping[Location, Given], location: Location, expected: str
) -> Problem:
    """Place a finding: at the flag or variable that gave the value, else where it stands."""
    for stop in range(len(location), 0, -1):
        layer = outside.get(location[:stop])
        if layer is not None:
            if layer.name == "--tag" and stop < len(location):
                expected = f"{str(location[stop])[:64]!a}: {expected}"
            return Problem(layer.name, expected)
    standing = expansion.standing(location)
    return Problem(standing.path, expected, standing.line, standing.place)


def _bounded(problems: list[Problem]) -> tuple[Problem, ...]:
    # A mistake in `defaults` is one, however many volumes have it.
    ordered = sorted(
        dict.fromkeys(problems), key=lambda problem: (bool(problem.place), problem.line or 0)
    )
    if len(ordered) <= PROBLEM_COUNT_MAX:
        return tuple(ordered)
    more = len(ordered) - PROBLEM_COUNT_MAX
    return (*ordered[:PROBLEM_COUNT_MAX], Problem("", f"and {more} more problems"))
