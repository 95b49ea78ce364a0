"""A number of processes, or the word that leaves it to the program, as the type of a field."""

from dataclasses import dataclass
from typing import Any, Literal

from bulkput.config.written import Written

AUTO: Literal["auto"] = "auto"

PROCESSES_MAX = 64
"""Of 750 puts/s on a slow processor they would put ten times the highest account quota reported."""


@dataclass(frozen=True)
class ProcessCount(Written):
    """Marks an ``int``, or the word ``auto``."""

    @property
    def words(self) -> str:
        """The type, for people."""
        return f"auto, or a whole number from 1 to {PROCESSES_MAX}"

    def parse(self, value: object) -> int | Literal["auto"]:
        """Return the number, or the word.

        Raises:
            ValueError: neither, or outside the bounds.
        """
        if value == AUTO:
            return AUTO
        text = str(value)
        is_number = isinstance(value, int | str) and not isinstance(value, bool)
        if not (is_number and text.isascii() and text.isdecimal() and len(text) <= len("64")):
            raise ValueError(f"expected {self.words}")
        if not 1 <= int(text) <= PROCESSES_MAX:
            raise ValueError(f"expected {self.words}")
        return int(text)

    def json_schema(self) -> dict[str, Any]:
        """Return the forms that are taken."""
        number = {"type": "integer", "minimum": 1, "maximum": PROCESSES_MAX}
        return {"anyOf": [{"const": AUTO, "type": "string"}, number]}
