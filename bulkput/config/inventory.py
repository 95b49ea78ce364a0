"""Tables of volumes: CSV with a heading of keys, and JSON lines. Each row is one volume's section.

Owns encodings, separators, quoting and the bounds on what a table may be, and where each row
stands. Knows no keys beyond their dotted form. Quotes nothing of the table in its messages.
"""

import codecs
import csv
import io
import json
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from bulkput.model.errors import Problem

TABLE_SIZE_MAX_BYTES = 64 << 20
"""100,000 volumes with 600 characters each."""
LINE_LENGTH_MAX = 1 << 16
"""A path of 4095 characters and 50 tags of 382 make 24 thousand."""
ROW_COUNT_MAX = 100_000
"""Of one job: a list of all disks of a large data centre, and two minutes to load."""

_SEPARATORS = ",;\t"
"""What spreadsheets write, by country."""
_NAMED_SEPARATOR = re.compile(r"sep=([,;\t|])", re.IGNORECASE)
"""A first line by which Excel learns the separator."""


class TableError(Exception):
    """A table cannot be read on; carries the problem."""

    def __init__(self, place: str, expected: str) -> None:
        self.problem = Problem("", expected, place=place)
        super().__init__(expected)


class Row(NamedTuple):
    """One volume of a table."""

    place: str
    """As a problem names it: ``/srv/inventory.csv row 7``."""
    data: dict[str, Any]


@dataclass
class Table:
    """What was read of a table: as much as could be."""

    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


Convert = Callable[[str, str], Any]
"""Given a dotted key and the text of a cell, return the value."""


def read_csv(path: Path, convert: Convert) -> Table:
    """Return the rows of a CSV file: UTF-8, or UTF-16 with its byte order mark.

    The first row has the keys; an empty cell is not given. Cells are stripped of the blanks around
    them. The separator is the one of comma, semicolon and tab that the first row has.
    """
    table = Table()
    try:
        text = _decoded(_read(path), str(path))
        _read_cells(text, str(path), convert, table)
    except TableError as error:
        table.problems.append(error.problem)
    return table


def read_jsonl(path: Path) -> Table:
    """Return the objects of a file of JSON lines; empty lines are passed over."""
    try:
        content = _read(path)
    except TableError as error:
        return Table(problems=[error.problem])
    return parse_jsonl(content, str(path))


def parse_jsonl(content: bytes, name: str) -> Table:
    """Return the objects of JSON lines that come from ``name``."""
    table = Table()
    try:
        for number, line in enumerate(_lines(_decoded(content, name), name), start=1):
            if not line.strip():
                continue
            place = f"{name} row {number}"
            try:
                table.rows.append(Row(place, _object(line, place)))
            except TableError as error:
                table.problems.append(error.problem)
            _bound(table, name)
    except TableError as error:
        table.problems.append(error.problem)
    return table


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Return dotted keys as sections; all below `snapshot.tags.` is one tag's key.

    Raises:
        ValueError: one key is both a value and a section, or stands twice; names it.
    """
    data: dict[str, Any] = {}
    for dotted, value in flat.items():
        *parents, last = dotted.split(".", 2)
        if parents[:2] != ["snapshot", "tags"]:
            *parents, last = dotted.split(".")
        here = data
        for part in parents:
            if not isinstance(here.setdefault(part, {}), dict):
                raise ValueError(dotted)  # noqa: TRY004 - of the table, not of an argument
            here = here[part]
        if last in here:
            raise ValueError(dotted)
        here[last] = value
    return data


def _read(path: Path) -> bytes:
    try:
        # O_NONBLOCK, so that a named pipe without a writer is no hang.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor, not a path
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise TableError(str(path), "expected a file, not a pipe or a device")
            content = file.read(TABLE_SIZE_MAX_BYTES + 1)
    except IsADirectoryError:
        raise TableError(str(path), "is a folder: expected a file") from None
    except OSError as error:
        what = f"cannot be read: {os.strerror(error.errno or 0)}"
        raise TableError(str(path), what) from None
    except ValueError:
        raise TableError(
            str(path)[:64], "is not a file name: it contains a NUL character"
        ) from None
    if len(content) > TABLE_SIZE_MAX_BYTES:
        raise TableError(str(path), "larger than 64 MiB: no list of volumes is")
    return content


def _decoded(content: bytes, name: str) -> str:
    """Return the text of a file, by its byte order mark, else as UTF-8."""
    encoding = "utf-8-sig"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding == "utf-16":
            raise TableError(name, "is not whole UTF-16: save it as UTF-8") from None
        row = content.count(b"\n", 0, error.start) + 1
        raise TableError(f"{name} row {row}", "is not UTF-8: save it as UTF-8") from None
    nul = text.find("\0")
    if nul >= 0:
        row = text.count("\n", 0, nul) + 1
        raise TableError(
            f"{name} row {row}",
            "has a NUL character: it is binary, or UTF-16 without its mark; save it as UTF-8",
        )
    return text


def _lines(text: str, name: str) -> Iterator[str]:
    """Yield the lines, whatever ends them, with their ends.

    Raises:
        TableError: one is too long to be a volume.
    """
    for number, line in enumerate(io.StringIO(text, newline=""), start=1):
        if len(line) > LINE_LENGTH_MAX:
            raise TableError(f"{name} row {number}", "longer than 64 KiB: no volume is")
        yield line


def _read_cells(text: str, name: str, convert: Convert, table: Table) -> None:
    first = next(_lines(text, name), "")
    named = _NAMED_SEPARATOR.fullmatch(first.strip())
    separator = named[1] if named else max(_SEPARATORS, key=first.count)
    reader = csv.reader(_lines(text, name), delimiter=separator, strict=True)
    number = 0
    keys: list[str] | None = None
    while True:
        number += 1
        place = f"{name} row {number}"
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            quotes = "; a quote is not closed" if "unexpected end" in str(error) else ""
            raise TableError(place, f"is not valid CSV{quotes or f': {error}'}") from None
        cells = [cell.strip() for cell in cells]
        if not any(cells) or (named and number == 1):
            continue
        if keys is None:
            keys = _heading(cells, place)
        elif any(cells[len(keys) :]):
            expected = f"has more cells than the {len(keys)} keys of the first row"
            table.problems.append(Problem("", expected, place=place))
        else:
            given = {
                key: convert(key, cell)
                for key, cell in zip(keys, cells, strict=False)
                if key and cell
            }
            table.rows.append(Row(place, nested(given)))
        _bound(table, name)
    if keys is None:
        raise TableError(name, "is empty: expected a first row of keys, such as source,name")


def _heading(cells: list[str], place: str) -> list[str]:
    """Return the keys of a first row.

    Raises:
        TableError: one is missing, stands twice, or is a section too.
    """
    given = [cell for cell in cells if cell]
    twice = next((key for number, key in enumerate(given) if key in given[:number]), None)
    if twice is not None:
        raise TableError(place, f"has the key {twice[:64]!a} twice")
    try:
        nested(dict.fromkeys(given))
    except ValueError as error:
        key = str(error)[:64]
        raise TableError(place, f"has the key {key!a} and a part or a whole of it") from None
    return cells


def _object(line: str, place: str) -> dict[str, Any]:
    """Return the section in a line of JSON; null is not given."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        if len(set(keys)) < len(keys):
            raise TableError(place, "has a key twice")
        return {key: value for key, value in pairs if value is not None}

    def no_constant(_: str) -> NoReturn:
        raise TableError(place, "is not valid JSON: NaN and Infinity are none")

    try:
        found = json.loads(line, object_pairs_hook=unique, parse_constant=no_constant)
    except RecursionError:
        raise TableError(place, "nested too deeply") from None
    except ValueError:
        raise TableError(place, "is not valid JSON") from None
    if not isinstance(found, dict):
        raise TableError(place, "expected a JSON object, such as {...}")
    try:
        return nested(found)
    except ValueError as error:
        raise TableError(place, f"has the key {str(error)[:64]!a} twice") from None


def _bound(table: Table, name: str) -> None:
    if len(table.rows) > ROW_COUNT_MAX:
        raise TableError(name, f"has more than {ROW_COUNT_MAX} volumes")
