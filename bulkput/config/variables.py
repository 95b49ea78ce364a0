"""Variables in text values: ``${name}``, ``${source.stem}``, ``${host}``, ``${env.NAME}``.

Owns which there are and what they stand for. No templates beyond that: no default values, no
nesting, no functions. Pure.
"""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from bulkput.config.problems import CREDENTIALS_ELSEWHERE, looks_like_credential

_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]{0,128}\})?")
"""A dollar sign that is meant as one, or a variable; without its end it is a mistake."""
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""What may be repeated in a message: anything else may be a secret that was pasted."""

OF_VOLUMES = ("name", "source.name", "source.stem")
_DOLLAR_HINT = "; for a dollar sign write `$${`"


class VariableError(ValueError):
    """A text refers to what does not exist; the message says what was expected."""


class Variables(NamedTuple):
    """What can be referred to at one place."""

    facts: Mapping[str, str]
    """By their whole names: ``host``, ``date``, and those of a volume where there is one."""
    environ: Mapping[str, str]
    own: Mapping[str, str]
    """The job's `vars`, and what flags set."""

    def of_volume(self, label: str, source: str | None) -> "Variables":
        """Return these and those of a volume, whose source is called ``source``."""
        facts = {**self.facts, "name": label}
        if source is not None:
            facts |= of_source(source)
        return Variables(facts, self.environ, self.own)

    def value(self, name: str) -> str:
        """Return what the variable ``name`` stands for.

        Raises:
            VariableError: there is none of that name.
        """
        kind, _, rest = name.partition(".")
        if name in self.facts:
            return self.facts[name]
        if kind == "env" and rest:
            if looks_like_credential(rest):
                raise VariableError(f"`${{env.{_shown(rest)}}}` {CREDENTIALS_ELSEWHERE}")
            if rest in self.environ:
                return self.environ[rest]
            raise VariableError(f"the environment has no variable {_shown(rest)}")
        if kind == "var" and rest in self.own:
            return self.own[rest]
        if name in OF_VOLUMES:
            raise VariableError(f"`${{{name}}}` is known only where the volume has it already")
        known = [*self.facts, *(f"var.{each}" for each in self.own), "env.NAME"]
        import difflib  # noqa: PLC0415 - after a mistake alone

        near = difflib.get_close_matches(name[:64], known, n=1, cutoff=0.6)
        hint = f"; did you mean `${{{near[0]}}}`?" if near else _DOLLAR_HINT
        raise VariableError(f"unknown variable {_shown(name)}{hint}")


def of_source(name: str) -> dict[str, str]:
    """Return the variables of a source whose last part is ``name``."""
    return {"source.name": name, "source.stem": PurePosixPath(name).stem}


def has_reference(value: Any) -> bool:
    """Return whether anything in ``value`` refers to a variable."""
    if isinstance(value, str):
        return "${" in value
    if isinstance(value, dict):
        return any(map(has_reference, value.values()))
    return isinstance(value, list) and any(map(has_reference, value))


def names_in(text: str) -> set[str]:
    """Return the variables that ``text`` refers to."""
    return {match[1][:-1].strip() for match in _REFERENCE.finditer(text) if match[1]}


def substituted(text: str, variables: Variables) -> str:
    """Return ``text`` with every variable replaced; what is put in is not looked at again.

    Raises:
        VariableError: one does not exist, or has no end.
    """

    def replace(match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        if match[1] is None:
            raise VariableError(f"`${{` has no `}}`{_DOLLAR_HINT}")
        return variables.value(match[1][:-1].strip())

    return _REFERENCE.sub(replace, text)


def _shown(name: str) -> str:
    return name if _PLAIN_NAME.fullmatch(name) else "of no such name"
