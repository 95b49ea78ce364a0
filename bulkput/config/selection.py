"""Which volumes of a job a command is about, by patterns of their names. Pure."""

import fnmatch
from collections.abc import Iterable, Sequence

from bulkput.config.naming import same_name
from bulkput.config.problems import suggestion
from bulkput.model.errors import UsageError


def chosen_labels(
    labels: Sequence[str], *, only: Iterable[str] = (), exclude: Iterable[str] = ()
) -> list[bool]:
    """Return for each label whether its volume is chosen.

    Args:
        labels: Of all volumes of the job.
        only: Names or patterns (``*``, ``?``, ``[...]``); none are all.
        exclude: What is left out of those.

    Raises:
        UsageError: a pattern fits no volume, or nothing is left.
    """
    names = [same_name(label) for label in labels]
    wanted = _matched(names, only, "--only") if (only := tuple(only)) else set(names)
    wanted -= _matched(names, exclude, "--except")
    if names and not wanted:
        raise UsageError("--except leaves no volume of the job")
    return [name in wanted for name in names]


def _matched(names: Sequence[str], patterns: Iterable[str], flag: str) -> set[str]:
    found: set[str] = set()
    for pattern in map(same_name, patterns):
        fitting = {name for name in names if fnmatch.fnmatchcase(name, pattern)}
        if not fitting:
            near = suggestion(pattern, names)
            raise UsageError(f"{flag} {pattern}: no volume of the job has such a name{near}")
        found |= fitting
    return found
