"""From pydantic's findings to problems that a person can act on.

Owns the sentences, the "did you mean" and the rule that no value of the file is repeated.
"""

import functools
import re
from collections.abc import Iterable, Mapping

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bulkput.config.describe import keys_by_path
from bulkput.config.document import Location

PROBLEM_COUNT_MAX = 100
"""More than anybody repairs before running the check again."""

_CREDENTIAL = re.compile(
    r"access_?key|secret|session_?token|security_?token|password|credential|"
    r"\b(AKIA|ASIA)[A-Z0-9]{12,}",
    re.IGNORECASE,
)
CREDENTIALS_ELSEWHERE = (
    "is not a key of a job file: credentials come from the AWS chain alone "
    "(environment, profile, SSO, web identity or instance role); remove it, and replace the "
    "credential if others could read the file"
)

_SECTION = "expected a section of `key: value` lines; leave it out if it has none"
_SENTENCES: dict[str, str] = {
    "missing": "is required",
    "model_type": _SECTION,
    "dict_type": _SECTION,
    "tuple_type": "expected a list of `- ` items",
    "too_short": "expected at least {min_length} in the list",
    "too_long": "expected at most {max_length} entries",
    "value_error": "{error}",
    "across": "{message}",
}
"""Kinds of findings with a sentence of their own, filled from the finding's context; of all others
the key's type describes what was expected."""


@functools.cache
def _aliases() -> Mapping[str | int, str]:
    """Return the keys' names by those of their attributes."""
    return {key.attribute: key.path.rsplit(".", 1)[-1] for key in keys_by_path().values()}


def looks_like_credential(key: str) -> bool:
    """Return whether a key's value is a secret, by its name."""
    return _CREDENTIAL.search(key) is not None


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean X?``, or nothing where no known word is near."""
    import difflib  # noqa: PLC0415 - after a mistake alone

    near = difflib.get_close_matches(word[:64], list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""


def findings(error: ValidationError, at: Location = ()) -> list[tuple[Location, str]]:
    """Return place and expectation of everything that pydantic found below ``at``."""
    return [_finding(found, at) for found in error.errors(include_url=False)]


def _finding(found: ErrorDetails, at: Location) -> tuple[Location, str]:
    location: Location = at + tuple(part for part in found["loc"] if part != "[key]")
    context = dict(found.get("ctx", {}))
    kind = str(context.pop("kind", found["type"]))
    if kind == "extra_forbidden":
        return location, unknown_key(location)
    # pydantic names the attribute instead of the key where a default is refused.
    aliases = _aliases()
    location = tuple(aliases.get(part, part) for part in location)
    if kind in _SENTENCES:
        return location, _SENTENCES[kind].format(**context)
    key = keys_by_path().get(notation(location))
    return location, f"expected {key.expected_text}" if key else "is not what this key takes"


def unknown_key(location: Location) -> str:
    """Return the sentence for a key that does not exist."""
    key = str(location[-1])
    if looks_like_credential(key):
        return CREDENTIALS_ELSEWHERE
    parent = location[:-1]
    if parent[:1] == ("defaults",):
        parent = ("volumes", 0, *parent[1:])
    return f"unknown key{suggestion(key, siblings(parent))}"


def siblings(parent: Location) -> list[str]:
    """Return the keys that exist right below ``parent``."""
    prefix = f"{notation(parent)}." if parent else ""
    below = [path.removeprefix(prefix) for path in keys_by_path() if path.startswith(prefix)]
    return [name for name in below if name.isidentifier()]


def notation(location: Location) -> str:
    """Return ``volumes[].source`` for the source of any volume."""
    return "".join("[]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
