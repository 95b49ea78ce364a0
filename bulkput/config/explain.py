"""One key of the job file explained to a person, in Markdown.

Owns how a key is found by what people call it, and what is reported about it. Knows no command
line: which command has which flag is handed in.
"""

import re
from collections.abc import Mapping, Sequence

from bulkput.config.describe import NOTHING, REQUIRED, Key, keys
from bulkput.config.environment import variables
from bulkput.config.flags import OBSERVE_FLAGS, TUNING_FLAGS, UPLOAD_FLAGS
from bulkput.config.section import Section

_INDEX = re.compile(r"\[\d*\]")


def find_key(name: str) -> Key | None:
    """Return the key called ``name``.

    The name may have a number in its brackets or none at all (``volumes[0].zeros``,
    ``volumes.zeros``), be a variable (``BULKPUT_REGION``), or be the end of one key's path alone
    (``zeros``, ``source.format``).
    """
    variable = variables().get(name)
    wanted = _INDEX.sub("", variable.path if variable else name)
    by_path = {_INDEX.sub("", key.path): key for key in keys()}
    if wanted in by_path:
        return by_path[wanted]
    ends = [key for path, key in by_path.items() if path.endswith(f".{wanted}")]
    return ends[0] if len(ends) == 1 else None


def explain_key(key: Key, commands_by_flag: Mapping[str, Sequence[str]]) -> str:
    """Return what there is to know about ``key``.

    Args:
        key: One of `keys`.
        commands_by_flag: The commands that have a flag, by the flag.
    """
    below = [each for each in keys() if _parent(each.path) == key.path]
    facts = [
        f"Type: {key.type_text}",
        "Required: yes" if key.default == REQUIRED else f"Default: {_default(key)}",
        *(f"Flag: {words}" for words in _flags(key, commands_by_flag)),
        *(f"Variable: `{name}`" for name, other in variables().items() if other.path == key.path),
    ]
    text = f"# {key.path}\n\n{key.description}\n\n" + "".join(f"- {fact}\n" for fact in facts)
    if below:
        rows = "".join(f"- `{each.path}`: {each.description}\n" for each in below)
        text += f"\n## Keys\n\n{rows}"
    return text


def _default(key: Key) -> str:
    plain_words = key.default == NOTHING or issubclass(key.kind, Section)
    return key.default if plain_words else f"`{key.default}`"


def _flags(key: Key, commands_by_flag: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the flag for ``key`` with its commands; nothing where no command has it."""
    return [
        f"`{flag.name}` of {' and '.join(f'`{name}`' for name in commands_by_flag[flag.name])}"
        for flag in (*UPLOAD_FLAGS.values(), *OBSERVE_FLAGS.values(), *TUNING_FLAGS.values())
        if _notation(flag.location) == key.path and flag.name in commands_by_flag
    ]


def _notation(location: Sequence[str | int]) -> str:
    """Return a place as keys are written: ``volumes[].source.path``."""
    parts = ("[]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(parts).removeprefix(".")


def _parent(path: str) -> str:
    return path.rpartition(".")[0].removesuffix("[]") if "." in path else ""
