"""Plain YAML scalars by the core schema of YAML 1.2, without its surprises.

Owns what an unquoted word in a file or an environment variable means. Knows no keys.
"""

import re

_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
"""No leading zeros: 001234567012 is an account id, which must keep its zeros. 18 digits hold every
value that any key takes; a longer number stays text, with all its digits."""
_OTHER_BASE = re.compile(r"0o[0-7]{1,20}|0x[0-9a-fA-F]{1,16}")
_FLOAT = re.compile(
    r"(?=.*[.eE])[-+]?(?:\.[0-9]{1,32}|(?:0|[1-9][0-9]{0,31})(?:\.[0-9]{0,32})?)"
    r"(?:[eE][-+]?[0-9]{1,3})?"
)
_WORDS: dict[str, bool | float | None] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
    ".inf": float("inf"),
    "-.inf": float("-inf"),
    ".nan": float("nan"),
}

Scalar = str | int | float | bool | None


def plain_scalar(text: str) -> Scalar:
    """Return what the unquoted ``text`` stands for; whatever is nothing else is text."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _OTHER_BASE.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
