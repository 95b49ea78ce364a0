"""The runs that are under way, by what they keep of themselves in the state folder.

Owns where their files are. Reads what another process writes: nothing in it is believed to be of
the right kind, and what is not is left out.
"""

import json
import math
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from bulkput.ledger.folder import ensure_folder
from bulkput.ledger.state_file import read_state_file, remove_file, replace_file
from bulkput.model.errors import BulkputError
from bulkput.model.host import host_name

FOLDER_NAME = "runs"
_SIZE_MAX_BYTES = 16 << 20
_SILENT_MAX_S = 30.0
"""A run replaces its file every two seconds; one that has not for so long may be another process
with the number of one that was killed."""
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9.-]")
_FILE_NAME = re.compile(r"(?P<host>.+)-(?P<process_id>[0-9]{1,10})\.json")


class RunningVolume(NamedTuple):
    """A volume that a process is working on."""

    phase: str
    puts_per_s: float
    mib_per_s: float
    left_s: float | None
    events: str | None
    """The file that has the events of the run."""

    def as_dict(self) -> dict[str, Any]:
        """Return the documented JSON object."""
        return self._asdict()


class OwnRunFile:
    """The file of this process."""

    def __init__(self, state_dir: Path) -> None:
        """Name the file; nothing is made yet."""
        self._folder = state_dir / FOLDER_NAME
        self._path = self._folder / f"{_own_host()}-{os.getpid()}.json"

    def write(self, content: bytes) -> bool:
        """Make ``content`` the whole of the file; False while there is no state folder yet.

        Raises:
            BulkputError: the state folder cannot be used.
        """
        if not self._folder.parent.is_dir():
            return False
        ensure_folder(self._folder)
        replace_file(self._path, content)
        return True

    def remove(self) -> None:
        """Remove the file, and those of processes of this host that were killed."""
        remove_file(self._path)
        for path in _paths(self._folder):
            process_id = _process_here(path)
            if process_id is not None and not _lives(process_id):
                remove_file(path)


def read_running(state_dir: Path) -> dict[tuple[int, str], RunningVolume]:
    """Return what is known of volumes that are worked on, by process and snapshot."""
    found: dict[tuple[int, str], RunningVolume] = {}
    for path in _paths(state_dir / FOLDER_NAME):
        with suppress(BulkputError, OSError, ValueError, TypeError, KeyError, AttributeError):
            found.update(_volumes(json.loads(read_state_file(path, _SIZE_MAX_BYTES))))
    return found


def running_jobs(state_dir: Path) -> set[str]:
    """Return the ids of the jobs that processes of this host run, between two volumes too."""
    found: set[str] = set()
    for path in _paths(state_dir / FOLDER_NAME):
        process_id = _process_here(path)
        if process_id is None or not _lives(process_id):
            continue
        with suppress(BulkputError, OSError, ValueError, TypeError, KeyError, AttributeError):
            content = json.loads(read_state_file(path, _SIZE_MAX_BYTES))
            silent_s = time.time() - _number(content["updated_unix_s"])
            if content["job_id"] is not None and silent_s < _SILENT_MAX_S:
                found.add(str(content["job_id"]))
    return found


def _own_host() -> str:
    return _NOT_IN_NAMES.sub("-", host_name()) or "host"


def _process_here(path: Path) -> int | None:
    """Return the process of this host whose file it is; None of others."""
    match = _FILE_NAME.fullmatch(path.name)
    return int(match["process_id"]) if match is not None and match["host"] == _own_host() else None


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
