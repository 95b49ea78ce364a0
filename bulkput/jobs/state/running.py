"""The runs that are under way, by what they keep of themselves in the state folder.

Owns where their files are. Reads what another process writes: nothing in it is believed to be of
the right kind, and what is not is left out.
"""

import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bulkput.ledger.folder import ensure_folder
from bulkput.ledger.state_file import read_state_file, remove_file, replace_file
from bulkput.model.errors import BulkputError
from bulkput.model.host import host_name

FOLDER_NAME = "runs"
_SIZE_MAX_BYTES = 16 << 20
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9.-]")
_FILE_NAME = re.compile(r"(?P<host>.+)-(?P<process_id>[0-9]{1,10})\.json")


@dataclass(frozen=True)
class RunningVolume:
    """A volume that a process is working on."""

    phase: str
    puts_per_s: float
    mib_per_s: float
    left_s: float | None
    events: str | None
    """The file that has the events of the run."""

    def as_dict(self) -> dict[str, Any]:
        """Return the documented JSON object."""
        return vars(self).copy()


class OwnRunFile:
    """The file of this process."""

    def __init__(self, state_dir: Path) -> None:
        """Name the file; nothing is made yet."""
        self._folder = state_dir / FOLDER_NAME
        host = _NOT_IN_NAMES.sub("-", host_name()) or "host"
        self._path = self._folder / f"{host}-{os.getpid()}.json"

    def write(self, content: bytes) -> None:
        """Make ``content`` the whole of the file.

        Raises:
            BulkputError: the state folder is not there yet, or cannot be used.
        """
        if self._folder.parent.is_dir():
            ensure_folder(self._folder)
            replace_file(self._path, content)

    def remove(self) -> None:
        """Remove the file, and those of processes of this host that were killed."""
        remove_file(self._path)
        for path in _paths(self._folder):
            match = _FILE_NAME.fullmatch(path.name)
            own = self._path.name.rpartition("-")[0]
            if match is not None and match["host"] == own and not _lives(int(match["process_id"])):
                remove_file(path)


def read_running(state_dir: Path) -> dict[tuple[int, str], RunningVolume]:
    """Return what is known of volumes that are worked on, by process and snapshot."""
    found: dict[tuple[int, str], RunningVolume] = {}
    for path in _paths(state_dir / FOLDER_NAME):
        with suppress(BulkputError, OSError, ValueError, TypeError, KeyError, AttributeError):
            found.update(_volumes(json.loads(read_state_file(path, _SIZE_MAX_BYTES))))
    return found


def _volumes(content: Mapping[str, Any]) -> Iterator[tuple[tuple[int, str], RunningVolume]]:
    for facts in content["volumes"].values():
        left_s = facts["left_s"]
        yield (
            (int(content["process_id"]), str(facts["snapshot_id"])),
            RunningVolume(
                phase=str(facts["phase"]),
                puts_per_s=_number(facts["puts_per_s"]),
                mib_per_s=_number(facts["mib_per_s"]),
                left_s=None if left_s is None else _number(left_s),
                events=None if content["events"] is None else str(content["events"]),
            ),
        )


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("not a number")
    return float(value)


def _paths(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob("*.json"))
    except OSError:
        return []


def _lives(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
