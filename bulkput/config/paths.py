"""Paths of files: `~`, and what a relative path is relative to.

Owns the rule: in a file, the folder that the file lies in, so that a job can be started from
anywhere; in flags and environment, the current folder. Opens nothing.
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import GetJsonSchemaHandler, ValidationInfo
from pydantic.functional_validators import BeforeValidator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from bulkput.config.streams import is_stream
from bulkput.model.address import is_address, parse_address, plain_address

PATH_LENGTH_MAX = 4095
"""PATH_MAX of Linux without the NUL."""

STANDARD_INPUT = "-"
"""The source that is not a path: what is piped in. A file of that name is ``./-``."""

FOLDER = "folder"
"""The name in the validation context under which the folder of relative paths is handed in."""


def current_folder() -> Path:
    """Return the current folder; where it was removed, one that leaves relative paths relative."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path()


def resolve(text: str | Path, folder: Path | None) -> Path:
    """Return the path that ``text`` names, relative ones below ``folder`` (None: left relative).

    Raises:
        ValueError: no path.
    """
    name = str(text)
    if not name or "\0" in name or len(name) > PATH_LENGTH_MAX:
        raise ValueError("expected a path")
    try:
        path = Path(name).expanduser()
    except RuntimeError:
        raise ValueError("expected a path: `~` names a user without a home folder") from None
    return path if folder is None else folder / path


def _from_text(value: object, info: ValidationInfo) -> object:
    if isinstance(value, str | Path):
        return resolve(value, (info.context or {}).get(FOLDER))
    raise ValueError("expected a path")


class _PathSchema:
    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "minLength": 1, "maxLength": PATH_LENGTH_MAX}

    def __repr__(self) -> str:
        return "path"


def _source_from_text(value: object, info: ValidationInfo) -> object:
    if isinstance(value, str) and (value == STANDARD_INPUT or is_address(value)):
        if value != STANDARD_INPUT:
            value = plain_address(value)
            parse_address(value)
        return value
    return _from_text(value, info)


def _stream_from_text(value: object, info: ValidationInfo) -> object:
    return value if isinstance(value, str) and is_stream(value) else _from_text(value, info)


_MARK: Any = _PathSchema()
FilePath = Annotated[Path, BeforeValidator(_from_text), _MARK]
SourcePlace = Annotated[Path | str, BeforeValidator(_source_from_text), _MARK]
"""A path; what is no path is text: ``-``, or an address."""
StreamPath = Annotated[Path | str, BeforeValidator(_stream_from_text), _MARK]
"""A path to write to; what is no path is text: ``-``, or ``fd:N``."""
