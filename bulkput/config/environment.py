"""Overrides from the environment: ``BULKPUT_`` and the key, in capitals.

Owns names and conversion. AWS's own variables (AWS_REGION, AWS_PROFILE, ...) are not its business.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bulkput.config.describe import Key, keys_by_path
from bulkput.config.key_text import value_of_text
from bulkput.config.paths import resolve
from bulkput.config.problems import suggestion
from bulkput.config.section import Section
from bulkput.config.streams import is_stream

PREFIX = "BULKPUT_"


def variables() -> dict[str, Key]:
    """Return every variable that counts and its key: all single values outside of lists."""
    from bulkput.config.job_file import WRITTEN_OUT  # noqa: PLC0415 - where a variable is set

    return {
        PREFIX + key.path.replace(".", "_").upper(): key
        for key in keys_by_path().values()
        if not key.path.startswith(("volumes", "images"))
        and key.path not in WRITTEN_OUT
        and not issubclass(key.kind, Section)
        and key.path != "version"
    }


def read_environment(
    environ: Mapping[str, str], folder: Path
) -> tuple[dict[str, tuple[str, Any]], list[str]]:
    """Return dotted key -> (variable, value), and a warning for each unknown variable.

    An empty variable counts as not set, as in the AWS tools. An unknown one is no mistake of this
    program's user: Kubernetes sets BULKPUT_SERVICE_HOST and more where a Service has that name.
    """
    if not any(name.startswith(PREFIX) for name in environ):
        return {}, []
    known = variables()
    values: dict[str, tuple[str, Any]] = {}
    warnings = []
    suffixes = [each.removeprefix(PREFIX) for each in known]
    for name in sorted(environ):
        if not name.startswith(PREFIX) or not environ[name]:
            continue
        if name in known:
            values[known[name].path] = (name, _converted(known[name], environ[name], folder))
        else:
            # Without what all have in common, or everything is near everything.
            near = suggestion(name.removeprefix(PREFIX), suffixes).replace(
                "mean ", f"mean {PREFIX}"
            )
            warnings.append(f"the environment variable {name} is none of this program's{near}")
    return values, warnings


def _converted(key: Key, text: str, folder: Path) -> Any:
    """Return the value that ``text`` stands for; what does not fit is left for the models."""
    if key.kind is Path and not is_stream(text):
        try:
            return resolve(text, folder)
        except ValueError:
            return text
    return value_of_text(key, text)
