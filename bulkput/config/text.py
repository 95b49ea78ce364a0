"""Text of a certain form as the type of a field: a pattern, and words for what was expected.

Owns the check, its wording and its JSON Schema, which are the same pattern.
"""

import re
from dataclasses import dataclass
from typing import Any

from bulkput.config.written import Written


@dataclass(frozen=True)
class Text(Written):
    """Marks a ``str`` of a certain form; a number or a truth value is not taken for text."""

    words: str
    """What was expected, with its limits, to follow "expected"."""
    pattern: str
    """A regular expression that Python and ECMAScript read alike."""
    length_max: int
    length_min: int = 1

    def parse(self, value: object) -> str:
        """Return the text.

        Raises:
            ValueError: not text, or not of this form; the message does not repeat the value.
        """
        if not isinstance(value, str):
            quotes = ": put it in quotes" if isinstance(value, int | float) else ""
            raise ValueError(f"expected {self.words}{quotes}")  # noqa: TRY004 - pydantic's way
        if not self.length_min <= len(value) <= self.length_max:
            raise ValueError(f"expected {self.words}")
        # Python's `$` matches before a final newline too, ECMAScript's does not.
        if re.search(self.pattern.replace("$", r"\Z"), value) is None:
            raise ValueError(f"expected {self.words}")
        return value

    def json_schema(self) -> dict[str, Any]:
        """Return the forms that are taken."""
        # An editor reads 001234567012 as a number, which is text here: its zeros are kept.
        found: dict[str, Any] = {"type": ["string", "integer"], "maxLength": self.length_max}
        if self.length_min:
            found["minLength"] = self.length_min
        if self.pattern:
            found["pattern"] = self.pattern
        return found

    def of_keys(self) -> dict[str, Any]:
        """Return what the JSON schema of a mapping with such keys, and no others, has to add.

        Of the keys' type pydantic takes over the pattern alone.
        """
        return {"additionalProperties": False, "propertyNames": {"maxLength": self.length_max}}
