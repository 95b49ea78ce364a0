"""The section `volumes_from`: where volumes come from that nobody wrote down one by one.

Owns its keys, and what each of them brings: sections of volumes, as if they were written.
"""

import glob
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from bulkput.config import block_devices
from bulkput.config.command import CommandError, output_of
from bulkput.config.inventory import (
    ROW_COUNT_MAX,
    TABLE_SIZE_MAX_BYTES,
    Convert,
    Row,
    Table,
    parse_jsonl,
    read_csv,
    read_jsonl,
)
from bulkput.config.paths import FilePath
from bulkput.config.quantity import Size
from bulkput.config.section import Section
from bulkput.config.text import Text
from bulkput.model.errors import Problem

KINDS = ("glob", "csv", "jsonl", "command", "block_devices")

_WORD = Text("text of 1 to 4095 characters", "", length_max=4095)


class BlockDevices(Section):
    """Which disks of this machine are taken. Never the one that the system runs from."""

    # On: a mounted file system changes under the reader.
    unmounted: bool = Field(
        default=True,
        description="Leave out disks that are mounted, used as swap space, or part of LVM, RAID "
        "or the like, wholly or in part.",
    )
    exclude: Annotated[tuple[Annotated[str, _WORD], ...], Field(max_length=100)] = Field(
        default=(),
        strict=False,  # YAML has lists
        description="Names or patterns of disks to leave out, such as `nvme0n1` or `sd*`.",
    )
    min_size_bytes: Annotated[int, Size(0, 64 << 40)] = Field(
        default=0,
        alias="min_size",
        description="Leave out smaller disks.",
    )


def _exactly_one(schema: dict[str, Any]) -> None:
    schema["oneOf"] = [
        {
            "required": [kind],
            "properties": {
                other: ({"not": {"type": "null"}} if other == kind else {"type": "null"})
                for other in KINDS
            },
        }
        for kind in KINDS
    ]


class VolumesFrom(Section, json_schema_extra=_exactly_one):
    """One place that volumes come from: exactly one of the keys but `allow_empty`."""

    glob: Annotated[str, _WORD] | None = Field(
        default=None,
        description="A pattern of files, such as `/images/*.qcow2`; `**` matches any folders. "
        "Each file is the source of one volume; they are sorted by path.",
    )
    csv: FilePath | None = Field(
        default=None,
        description="A CSV file. Its first row has dotted keys such as `source` and "
        "`snapshot.tags.Owner`; an empty cell is not given.",
    )
    jsonl: FilePath | None = Field(
        default=None,
        description="A file with one JSON object per line, each the section of a volume.",
    )
    command: Annotated[tuple[Annotated[str, _WORD], ...], Field(min_length=1)] | None = Field(
        default=None,
        strict=False,  # YAML has lists
        description="A program and its arguments. Its output is read like a `jsonl` file. Only "
        "with `--allow-command`.",
    )
    block_devices: BlockDevices | None = Field(
        default=None,
        description="The disks of this machine, never the one that the system runs from.",
    )
    # Off: a pattern that matches nothing is mostly a wrong pattern.
    allow_empty: bool = Field(
        default=False,
        description="Accept that nothing is found.",
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(getattr(self, kind) is not None for kind in KINDS) != 1:
            text = "expected exactly one of `glob`, `csv`, `jsonl`, `command` and `block_devices`"
            raise PydanticCustomError("across", "{message}", {"message": text})
        return self


def volumes_of(
    wanted: VolumesFrom,
    *,
    folder: Path,
    convert: Convert,
    allow_command: bool,
    disks: Callable[[], list[block_devices.Disk]] = block_devices.read_disks,
) -> Table:
    """Return the volumes that ``wanted`` brings, and what is wrong with them. Blocks.

    Args:
        wanted: One place.
        folder: What relative patterns start from, and a command is run in.
        convert: Of the cells of a table.
        allow_command: Whether programs may be run.
        disks: Reads the machine's.
    """
    if wanted.csv is not None:
        table = read_csv(wanted.csv, convert)
    elif wanted.jsonl is not None:
        table = read_jsonl(wanted.jsonl)
    elif wanted.command is not None:
        table = _of_command(wanted.command, folder, allowed=allow_command)
    elif wanted.block_devices is not None:
        table = _of_devices(wanted.block_devices, disks)
    else:
        table = Table(list(_matches(wanted.glob or "", folder)))
        if len(table.rows) > ROW_COUNT_MAX:
            table = Table(problems=[Problem("", f"more than {ROW_COUNT_MAX} files match")])
    if not (table.rows or table.problems or wanted.allow_empty):
        what = "matches" if wanted.glob else "brings"
        text = f"{what} no volume; if that may be, write `allow_empty: true`"
        table.problems.append(Problem("", text))
    return table


def _matches(pattern: str, folder: Path) -> Iterator[Row]:
    """Yield a row for each file that matches; folders are none."""
    full = str(folder / Path(pattern).expanduser())
    for path in sorted(glob.iglob(full, recursive=True)):  # noqa: PTH207 - of a whole path
        if not Path(path).is_dir():
            yield Row(f"{path}, which glob brings", {"source": {"path": path}})


def _of_command(command: tuple[str, ...], folder: Path, *, allowed: bool) -> Table:
    if not allowed:
        text = "programs are run only with --allow-command"
        return Table(problems=[Problem("", text)])
    try:
        output = output_of(command, folder, limit_bytes=TABLE_SIZE_MAX_BYTES)
    except CommandError as error:
        return Table(problems=[Problem("", str(error))])
    return parse_jsonl(output, "output of command")


def _of_devices(wanted: BlockDevices, disks: Callable[[], list[block_devices.Disk]]) -> Table:
    try:
        found = block_devices.chosen_disks(
            disks(),
            unmounted=wanted.unmounted,
            exclude=wanted.exclude,
            min_size_bytes=wanted.min_size_bytes,
        )
    except block_devices.NoRootDiskError:
        text = "which disk the system runs from cannot be seen here: name the disks instead"
        return Table(problems=[Problem("", text)])
    except OSError as error:
        return Table(problems=[Problem("", f"sysfs cannot be read: {error.strerror}")])
    return Table(
        [
            Row(
                f"{disk.name}, which block_devices brings",
                {"source": {"path": f"/dev/{disk.name}"}},
            )
            for disk in found
        ]
    )
