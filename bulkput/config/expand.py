"""From a job's file to plain volumes: defaults merged, inventories read, variables replaced.

Owns the order of the steps, and for every value of the result where it stands: what a volume says
itself, at its line or row; what it has from `defaults`, at that line. Reads what `volumes_from`
names, and nothing else.
"""

from collections.abc import Container, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from bulkput.config.defaults import merged
from bulkput.config.describe import keys_by_path
from bulkput.config.document import Document, Location
from bulkput.config.expansion import Expansion, Inputs, RawVolume
from bulkput.config.key_text import value_of_text
from bulkput.config.naming import NameFacts, distinct_labels, shown_source
from bulkput.config.paths import FOLDER, STANDARD_INPUT, resolve
from bulkput.config.problems import findings, notation
from bulkput.config.variables import (
    VariableError,
    Variables,
    has_reference,
    names_in,
    substituted,
)
from bulkput.model.address import is_address
from bulkput.model.errors import Problem
from bulkput.model.host import host_name


def expand(
    document: Document,
    *,
    folder: Path,
    environ: Mapping[str, str],
    outside: Container[Location],
    inputs: Inputs,
) -> Expansion:
    """Write out what ``document`` abbreviates; uses up its data. Blocks: inventories are read.

    Args:
        document: The file, with what flags and environment put into it.
        folder: What relative paths of the file start from.
        environ: The process's environment.
        outside: Where values are from flags and environment, in which nothing is replaced.
        inputs: What else it may refer to.
    """
    return _Expanding(document, folder, environ, outside, inputs).run()


class _Expanding:
    """One expansion under way."""

    def __init__(
        self,
        document: Document,
        folder: Path,
        environ: Mapping[str, str],
        outside: Container[Location],
        inputs: Inputs,
    ) -> None:
        self._document = document
        self._folder = folder
        self._outside = outside
        self._inputs = inputs
        self._result = Expansion(document, document.data)
        facts = {"host": host_name(), "date": inputs.date or today()}
        self._variables = Variables(facts, environ, {})
        self._used: set[str] = set()
        self._done: set[Location] = set()

    def run(self) -> Expansion:
        data, result = self._result.data, self._result
        self._variables = Variables(
            self._variables.facts, self._variables.environ, self._vars(data.pop("vars", {}))
        )
        lists = data.pop("volumes_from", None)
        defaults = data.pop("defaults", {})
        if isinstance(defaults, dict):
            result.defaults = self._with_section(defaults, ("defaults",))
        else:
            self._refuse(("defaults",), "expected a section of `key: value` lines")
        is_listed = "volumes" in data
        volumes = data.pop("volumes", None)
        for key in data:
            data[key] = self._replaced(data[key], (key,), self._variables)
        if not is_listed and lists is not None:
            volumes, is_listed = [], True
        if isinstance(volumes, list):
            result.volumes = [
                RawVolume(self._with_section(volume, ("volumes", index)), "")
                for index, volume in enumerate(volumes)
            ]
            if lists is not None:
                result.volumes += self._listed(lists)
            volumes = self._complete()
        if is_listed:
            data["volumes"] = volumes
        self._look_for_unused()
        return result

    def _vars(self, given: Any) -> dict[str, str]:
        """Return the job's own variables: the file's, and over them those of ``--set``."""
        own: dict[str, str] = {}
        if not isinstance(given, dict):
            self._refuse(("vars",), "expected a section of `NAME: value` lines")
            given = {}
        for name, value in given.items():
            at: Location = ("vars", name)
            if isinstance(value, bool):
                value = "true" if value else "false"  # noqa: PLW2901 - as it was written
            if not isinstance(value, str | int | float):
                self._refuse(at, "expected text")
            elif not _is_variable_name(name):
                self._refuse(at, "expected a name of letters, digits and `_`, at most 64")
            else:
                own[name] = str(self._replaced(str(value), at, self._variables))
        return own | dict(self._inputs.settings)

    def _look_for_unused(self) -> None:
        """Refuse what ``--set`` gives and nothing asks for: it is a slip of the keys."""
        for name in self._inputs.settings:
            if f"var.{name}" not in self._used and ("vars", name) not in self._document.lines:
                text = f"the job has no ${{var.{name}}}" if _is_variable_name(name) else "no name"
                self._result.problems.append(Problem("--set", text))

    def _listed(self, lists: Any) -> Iterator[RawVolume]:
        """Yield what `volumes_from` brings, without sources that `volumes` names itself."""
        from bulkput.config.volumes_from import (  # noqa: PLC0415 - a job that has it
            KINDS,
            VolumesFrom,
            volumes_of,
        )

        expected_lists = TypeAdapter(tuple[VolumesFrom, ...])
        at: Location = ("volumes_from",)
        is_one = not isinstance(lists, list)
        sections = [lists] if is_one else lists
        sections = [
            self._replaced(section, at if is_one else (*at, index), self._variables)
            for index, section in enumerate(sections)
        ]
        try:
            wanted = expected_lists.validate_python(sections, context={FOLDER: self._folder})
        except ValidationError as error:
            for location, expected in findings(error, at):
                self._refuse((*at, *location[2:]) if is_one else location, expected)
            self._result.may_be_empty = True  # what is missing is reported by its reason
            return
        if not self._inputs.takes_inventories:
            self._result.may_be_empty = True
            return
        named = {self._path_of(raw.data) for raw in self._result.volumes}
        for index, each in enumerate(wanted):
            here = at if is_one else (*at, index)
            kind = next(kind for kind in KINDS if getattr(each, kind) is not None)
            table = volumes_of(
                each,
                folder=self._folder,
                convert=_of_cell,
                allow_command=self._inputs.allow_command,
            )
            self._result.may_be_empty |= each.allow_empty or bool(table.problems)
            for problem in table.problems:
                if problem.place:
                    self._result.problems.append(problem)
                else:
                    self._refuse((*here, kind), problem.expected)
            for row in table.rows:
                data = self._with_section(row.data, ())
                if kind in ("glob", "block_devices") and self._path_of(data) in named:
                    continue
                yield RawVolume(data, row.place)

    def _complete(self) -> list[Any]:
        """Return the volumes with defaults, names and everything that they refer to."""
        defaults = self._result.defaults
        whole = [
            merged(defaults, raw.data) if isinstance(raw.data, dict) else raw.data
            for raw in self._result.volumes
        ]
        # What is no section is refused as it stands.
        dynamic = [isinstance(each, dict) and has_reference(each) for each in whole]
        for index, volume in enumerate(whole):
            if dynamic[index]:
                self._replace_what_names(volume, index)
        labels = distinct_labels([self._name_facts(volume) for volume in whole])
        for index, volume in enumerate(whole):
            if dynamic[index]:
                source = self._source_name(volume)
                variables = self._variables.of_volume(labels[index], source)
                whole[index] = self._replaced(volume, ("volumes", index), variables)
        return whole

    def _replace_what_names(self, volume: dict[str, Any], index: int) -> None:
        """Replace in a volume's own new dict what its name is made of: source, then name."""
        at: Location = ("volumes", index)
        variables = self._variables
        source = volume.get("source")
        if isinstance(source, dict) and isinstance(source.get("path"), str):
            path = self._replaced(source["path"], (*at, "source", "path"), variables)
            volume["source"] = {**source, "path": path}
            self._done.add((*at, "source", "path"))
        if isinstance(volume.get("name"), str):
            name = self._source_name(volume)
            known = variables.of_volume("", name)
            facts = {key: value for key, value in known.facts.items() if key != "name"}
            named = Variables(facts, known.environ, known.own)
            volume["name"] = self._replaced(volume["name"], (*at, "name"), named)
            self._done.add((*at, "name"))

    def _replaced(self, value: Any, at: Location, variables: Variables) -> Any:
        """Return ``value`` with its variables replaced, a new one where it has any."""
        if at in self._outside or at in self._done or at in self._result.refused:
            return value
        if isinstance(value, dict):
            return {key: self._replaced(each, (*at, key), variables) for key, each in value.items()}
        if isinstance(value, list):
            return [
                self._replaced(each, (*at, index), variables) for index, each in enumerate(value)
            ]
        if not isinstance(value, str) or "${" not in value:
            return value
        self._used |= names_in(value)
        try:
            text = substituted(value, variables)
        except VariableError as error:
            self._refuse(at, str(error))
            return value
        return value_of_text(keys_by_path().get(notation(at)), text)

    def _refuse(self, at: Location, expected: str) -> None:
        self._result.refused.add(at)
        standing = self._result.standing(at)
        self._result.problems.append(
            Problem(standing.path, expected, standing.line, standing.place)
        )

    def _with_section(self, volume: Any, at: Location) -> Any:
        """Return ``volume`` with its source as a section, so that the path has an origin."""
        source = volume.get("source") if isinstance(volume, dict) else None
        if not isinstance(source, str):
            return volume
        lines = self._document.lines
        if at and (*at, "source") in lines:
            lines[*at, "source", "path"] = lines[*at, "source"]
        return {**volume, "source": {"path": source}}

    def _name_facts(self, volume: Any) -> NameFacts:
        name = volume.get("name") if isinstance(volume, dict) else None
        return NameFacts(name if isinstance(name, str) and name else None, self._path_of(volume))

    def _path_of(self, volume: Any) -> Path | str | None:
        path = self._source_of(volume)
        if path is None or path == STANDARD_INPUT or is_address(path):
            return path
        try:
            return resolve(path, self._folder)
        except ValueError:
            return path

    def _source_of(self, volume: Any) -> str | None:
        source = volume.get("source") if isinstance(volume, dict) else None
        path = source.get("path") if isinstance(source, dict) else None
        return None if path is None else str(path)

    def _source_name(self, volume: Any) -> str | None:
        path = self._path_of(volume)
        return None if path is None else Path(shown_source(path)).name


def today() -> str:
    """Return the date in UTC, as ``${date}`` has it."""
    return f"{datetime.now(UTC):%Y-%m-%d}"


def _of_cell(key: str, text: str) -> Any:
    """Return what a cell of a table stands for."""
    return value_of_text(keys_by_path().get(f"volumes[].{key}"), text)


def _is_variable_name(name: str) -> bool:
    return name.isascii() and name.replace("_", "a").replace("-", "a").isalnum() and len(name) <= 64
