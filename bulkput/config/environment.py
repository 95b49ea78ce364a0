"""Overrides from the environment: ``BULKPUT_`` and the key, in capitals.

Owns names and conversion. AWS's own variables (AWS_REGION, AWS_PROFILE, ...) are not its business.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bulkput.config.describe import Key, keys
from bulkput.config.paths import resolve
from bulkput.config.problems import CREDENTIALS_ELSEWHERE, looks_like_credential, suggestion
from bulkput.config.quantity import Duration, Size
from bulkput.config.scalar import plain_scalar
from bulkput.config.section import Section
from bulkput.config.text import Text
from bulkput.model.errors import Problem

PREFIX = "BULKPUT_"


def variables() -> dict[str, Key]:
    """Return every variable that counts and its key: all single values outside `volumes`."""
    return {
        PREFIX + key.path.replace(".", "_").upper(): key
        for key in keys()
        if not key.path.startswith("volumes")
        and not issubclass(key.kind, Section)
        and key.path != "version"
    }


def read_environment(
    environ: Mapping[str, str], folder: Path
) -> tuple[dict[str, tuple[str, Any]], list[Problem]]:
    """Return dotted key -> (variable, value), and a problem for each unknown variable.

    An empty variable counts as not set, as in the AWS tools.
    """
    known = variables()
    values: dict[str, tuple[str, Any]] = {}
    problems = []
    for name in sorted(environ):
        if not name.startswith(PREFIX) or not environ[name]:
            continue
        if name in known:
            values[known[name].path] = (name, _converted(known[name], environ[name], folder))
        elif looks_like_credential(name):
            problems.append(Problem(name, CREDENTIALS_ELSEWHERE))
        else:
            expected = f"unknown environment variable{suggestion(name, known)}"
            problems.append(Problem(name, expected))
    return values, problems


def _converted(key: Key, text: str, folder: Path) -> Any:
    """Return the value that ``text`` stands for; what does not fit is left for the models."""
    if any(isinstance(mark, Size | Duration | Text) for mark in key.marks):
        return text
    if key.kind is Path:
        try:
            return resolve(text, folder)
        except ValueError:
            return text
    return plain_scalar(text)
