"""What the fields of an answer may be: the table's form, the test, and the sentence of a refusal.

Knows no operation. Pure.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, NoReturn

from bulkput.model.block import (
    BLOCK_SIZE_BYTES,
    BLOCKS_PER_GIB,
    VOLUME_SIZE_MAX_GIB,
    VOLUME_SIZE_MIN_GIB,
)
from bulkput.model.errors import AnswerError
from bulkput.model.snapshot_id import is_snapshot_id

_TOKEN_MAX_CHARS = 1024
"""Four times what the service model allows a page's or a block's token (256)."""

_TEXT_MAX_CHARS = 2048
"""The longest field of the service model, a KMS key's ARN."""

_SHOWN_CHARS = 60


class Field(NamedTuple):
    """What the value of one field may be; null counts as absent."""

    holds: Callable[[Any], bool]
    expected: str
    is_required: bool = False


Table = Mapping[str, Field]


def is_token(value: object) -> bool:
    """Return whether ``value`` can be a page's or a block's token."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= _TOKEN_MAX_CHARS
        and value.isascii()
        and value.isprintable()
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _TEXT_MAX_CHARS


def _is_size_gib(value: object) -> bool:
    return type(value) is int and VOLUME_SIZE_MIN_GIB <= value <= VOLUME_SIZE_MAX_GIB


BLOCK_SIZE = Field(
    lambda value: type(value) is int and value == BLOCK_SIZE_BYTES, str(BLOCK_SIZE_BYTES)
)
COUNT_OF_BYTES = Field(lambda value: type(value) is int and value >= 0, "a number of bytes")
FLAG = Field(lambda value: isinstance(value, bool), "true or false")
ID = Field(is_snapshot_id, "a snapshot's id: snap- and hexadecimal digits")
ITEMS = Field(lambda value: isinstance(value, list), "a list", is_required=True)
SIZE_GIB = Field(_is_size_gib, "1 to 65536 GiB")
TEXT = Field(_is_text, "a text")
TIME = Field(lambda value: isinstance(value, datetime), "a time")
TOKEN = Field(is_token, "a token")


def one_of(*texts: str) -> Field:
    """Return the field that is one of ``texts``."""
    return Field(lambda value: isinstance(value, str) and value in texts, " or ".join(texts))


def required(field: Field) -> Field:
    """Return the field that must be there."""
    return field._replace(is_required=True)


class AnswerCheck:
    """One answer under examination."""

    def __init__(self, operation: str, snapshot_id: object = None) -> None:
        """Take what a refusal names.

        Args:
            operation: As ``StartSnapshot``.
            snapshot_id: Which snapshot; left out where it is no id.
        """
        self._operation = operation
        self._snapshot_id = str(snapshot_id) if is_snapshot_id(snapshot_id) else None

    def refuse(self, what: str, cause: Exception | None = None) -> NoReturn:
        """Raise the error that ``what`` cannot be true.

        Raises:
            AnswerError: always.
        """
        raise AnswerError(self._operation, what, snapshot_id=self._snapshot_id) from cause

    def fields(self, fields: Mapping[str, Any], table: Table) -> None:
        """Return if every field is as the table expects it.

        Raises:
            AnswerError: one is not.
        """
        for name, (holds, expected, is_required) in table.items():
            value = fields.get(name)
            if value is None:
                if is_required:
                    self.refuse(f"it has no {name}")
            elif not holds(value):
                self.refuse(f"its {name} is {shown(value)}, expected {expected}")

    def place(self, index: int, last: int, stop: int) -> None:
        """Return if block ``index`` can follow block ``last`` in a volume of ``stop`` blocks.

        Raises:
            AnswerError: it cannot.
        """
        if last < index < stop:
            return
        if index >= stop or index < 0:
            size = f"the volume of {stop // BLOCKS_PER_GIB} GiB"
            self.refuse(f"block {shown(index)} does not lie in {size}")
        if index == last:
            self.refuse(f"block {index} is listed twice")
        self.refuse(f"block {index} comes after block {last}, and lists ascend")


def shown(value: object) -> str:
    """Return ``value`` on one short line, without what a terminal would obey."""
    if isinstance(value, str):
        cut = "..." if len(value) > _SHOWN_CHARS else ""
        return ascii(value[:_SHOWN_CHARS]) + cut
    if value is None or isinstance(value, bool | int | float):
        return repr(value)[:_SHOWN_CHARS]
    return f"a {type(value).__name__}"


def unix_s(moment: object) -> float | None:
    """Return botocore's time as seconds since 1970; None of what is no time."""
    return moment.timestamp() if isinstance(moment, datetime) else None
