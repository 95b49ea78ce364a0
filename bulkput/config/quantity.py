"""Sizes, durations and times of day as types of a field, within bounds.

Owns their bounds, their wording and their JSON Schema. The units themselves are the model's.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from bulkput.config.written import Written
from bulkput.model.block import VOLUME_SIZE_MAX_GIB, VOLUME_SIZE_MIN_GIB
from bulkput.model.daily_window import DailyWindow
from bulkput.model.duration import parse_duration_s
from bulkput.model.size import parse_size_bytes

TEXT_LENGTH_MAX = 64
"""`1h30m` has five characters; longer text than this is no quantity."""

SIZE_PATTERN = r"^[ ]*[0-9]{1,18}(\.[0-9]{1,9})?[ ]*([bB]|[kKmMgGtT][iI]?[bB])?[ ]*$"
DURATION_PATTERN = (
    r"^[ ]*([0-9]{1,9}(\.[0-9]{1,9})?|([0-9]{1,9}(\.[0-9]{1,9})?[ ]*(ms|min|s|m|h|d)[ ]*)+)[ ]*$"
)

WINDOW_PATTERN = r"^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$"

_SIZE_UNITS = (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))
_DURATION_UNITS = (("h", 3600), ("m", 60), ("s", 1))


def size_text(size_bytes: int) -> str:
    """Return the exact size in the largest unit that divides it: ``128MiB``, ``513``."""
    for unit, unit_bytes in _SIZE_UNITS:
        if size_bytes and size_bytes % unit_bytes == 0:
            return f"{size_bytes // unit_bytes}{unit}"
    return str(size_bytes)


def duration_text(duration_s: float) -> str:
    """Return the exact duration in the largest unit that divides it: ``15m``, ``0.25s``."""
    for unit, unit_s in _DURATION_UNITS:
        if duration_s and duration_s % unit_s == 0:
            return f"{int(duration_s) // unit_s}{unit}"
    return f"{duration_s:.9f}".rstrip("0").rstrip(".") + "s"


def _text_schema(pattern: str) -> dict[str, Any]:
    return {"type": "string", "pattern": pattern, "maxLength": TEXT_LENGTH_MAX}


def _size(value: object, expected: str) -> str:
    """Return the text of a size."""
    text = str(value)
    is_size = isinstance(value, int | str) and not isinstance(value, bool)
    if not is_size or len(text) > TEXT_LENGTH_MAX or not re.fullmatch(SIZE_PATTERN, text):
        raise ValueError(expected)
    return text


@dataclass(frozen=True)
class Size(Written):
    """Marks an ``int`` of bytes that is written as a size."""

    minimum_bytes: int
    maximum_bytes: int
    multiple_bytes: int = 1

    @property
    def words(self) -> str:
        """The type, for people."""
        least, most = size_text(self.minimum_bytes), size_text(self.maximum_bytes)
        step = (
            f", a multiple of {size_text(self.multiple_bytes)}" if self.multiple_bytes > 1 else ""
        )
        return f"size from {least} to {most}{step}"

    def parse(self, value: object) -> int:
        """Return bytes.

        Raises:
            ValueError: no size, or outside the bounds.
        """
        expected = f"expected a {self.words}"
        size_bytes = parse_size_bytes(_size(value, expected))
        if not self.minimum_bytes <= size_bytes <= self.maximum_bytes:
            raise ValueError(expected)
        if size_bytes % self.multiple_bytes:
            raise ValueError(expected)
        return size_bytes

    def json_schema(self) -> dict[str, Any]:
        """Return the forms that are taken."""
        number: dict[str, Any] = {
            "type": "integer",
            "minimum": self.minimum_bytes,
            "maximum": self.maximum_bytes,
        }
        if self.multiple_bytes > 1:
            number["multipleOf"] = self.multiple_bytes
        text = _text_schema(SIZE_PATTERN)
        return {"anyOf": [text, number]}


@dataclass(frozen=True)
class Duration(Written):
    """Marks a ``float`` of seconds that is written as a duration."""

    minimum_s: float
    maximum_s: float

    @property
    def words(self) -> str:
        """The type, for people."""
        return f"duration from {duration_text(self.minimum_s)} to {duration_text(self.maximum_s)}"

    def parse(self, value: object) -> float:
        """Return seconds.

        Raises:
            ValueError: no duration, or outside the bounds.
        """
        expected = f"expected a {self.words}"
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError(expected)  # noqa: TRY004 - what pydantic catches
        if isinstance(value, str) and (
            len(value) > TEXT_LENGTH_MAX or not re.fullmatch(DURATION_PATTERN, value)
        ):
            raise ValueError(expected)
        seconds = value if isinstance(value, int | float) else parse_duration_s(value)
        if not self.minimum_s <= seconds <= self.maximum_s:
            raise ValueError(expected)
        return float(seconds)

    def json_schema(self) -> dict[str, Any]:
        """Return the forms that are taken."""
        text = _text_schema(DURATION_PATTERN)
        number = {"type": "number", "minimum": self.minimum_s, "maximum": self.maximum_s}
        return {"anyOf": [text, number]}


@dataclass(frozen=True)
class VolumeSize(Written):
    """Marks an ``int`` of GiB that is written as a number of them, or as a size with its unit."""

    @property
    def words(self) -> str:
        """The type, for people."""
        return (
            f"whole number of GiB from {VOLUME_SIZE_MIN_GIB} to {VOLUME_SIZE_MAX_GIB}, "
            "or a size such as 500GiB or 1TiB"
        )

    def parse(self, value: object) -> int:
        """Return GiB.

        Raises:
            ValueError: no size, no whole number of GiB, or outside the bounds.
        """
        expected = f"expected a {self.words}"
        text = _size(value, expected)
        size_bytes = parse_size_bytes(text)
        if text.strip().isdecimal():
            size_bytes <<= 30
        size_gib, rest_bytes = divmod(size_bytes, 1 << 30)
        if rest_bytes or not VOLUME_SIZE_MIN_GIB <= size_gib <= VOLUME_SIZE_MAX_GIB:
            raise ValueError(expected)
        return size_gib

    def json_schema(self) -> dict[str, Any]:
        """Return the forms that are taken."""
        text = _text_schema(SIZE_PATTERN)
        number = {
            "type": "integer",
            "minimum": VOLUME_SIZE_MIN_GIB,
            "maximum": VOLUME_SIZE_MAX_GIB,
        }
        return {"anyOf": [text, number]}


@dataclass(frozen=True)
class Window(Written):
    """Marks a ``DailyWindow`` that is written as ``22:00-06:00``."""

    @property
    def words(self) -> str:
        """The type, for people."""
        return "time of day from and to, such as 22:00-06:00"

    def parse(self, value: object) -> DailyWindow:
        """Return the window.

        Raises:
            ValueError: no window, or an empty one.
        """
        if isinstance(value, DailyWindow):
            return value
        expected = f"expected a {self.words}"
        if not isinstance(value, str) or not re.fullmatch(WINDOW_PATTERN, value):
            raise ValueError(expected)
        return DailyWindow.parse(value)

    def json_schema(self) -> dict[str, Any]:
        """Return the forms that are taken."""
        return _text_schema(WINDOW_PATTERN)


Deadline = Annotated[float, Duration(minimum_s=0.1, maximum_s=72 * 3600)]
"""72 h is the longest that a snapshot may stay pending (StartSnapshot: Timeout 4320 minutes)."""
