"""What a text stands for where a key takes something else: a number, `true`, a choice.

Owns the conversion for all places that have text alone: environment, cells of a table, variables.
What does not fit is left as it is, for the models to refuse.
"""

from typing import Any

from bulkput.config.describe import QUANTITIES, Key
from bulkput.config.scalar import plain_scalar


def value_of_text(key: Key | None, text: str) -> Any:
    """Return the value that ``text`` stands for as the value of ``key``.

    Args:
        key: None for the entry of a section of text, such as a tag.
        text: As somebody wrote it.
    """
    if key is None or issubclass(key.kind, str):
        return text
    if any(isinstance(mark, QUANTITIES) for mark in key.marks):
        return text
    return plain_scalar(text)
