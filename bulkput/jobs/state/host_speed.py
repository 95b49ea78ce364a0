"""What ``bulkput bench`` found on this host, kept in the state folder for ``bulkput plan``.

One small file, of the last measurement. It counts for the machine, kernel and processor that it
was made on: a state folder may be on a disk that moves.
"""

import contextlib
import json
import os
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from bulkput.ledger.folder import ensure_state_dir
from bulkput.ledger.state_file import read_state_file, replace_file
from bulkput.machine.identity import machine_id
from bulkput.model.errors import BulkputError

FILE_NAME = "host-speed.json"
_VERSION = 1
_SIZE_MAX_BYTES = 1 << 16


@dataclass(frozen=True)
class HostSpeed:
    """What an upload on this host can reach, whatever source, service and quota allow."""

    snapshot_puts_per_s: float
    """Of one snapshot."""
    all_puts_per_s: float
    """Of several together."""
    measured_unix_s: float


def host_facts() -> dict[str, str]:
    """Return what a measurement holds for."""
    return {
        "machine": machine_id(),
        "kernel": platform.release(),
        "processor": processor_name(),
        "processors": str(len(os.sched_getaffinity(0))),
    }


def processor_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return the model of the processor, or at least its architecture."""
    with contextlib.suppress(OSError):
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name" and value.strip():
                return value.strip()
    return platform.machine()


def keep_host_speed(state_dir: Path, speed: HostSpeed) -> Path:
    """Keep it in place of an earlier one; return the file. Blocks.

    Raises:
        BulkputError: the state folder cannot be written.
    """
    ensure_state_dir(state_dir)
    path = state_dir / FILE_NAME
    content = {"version": _VERSION, "host": host_facts(), **asdict(speed)}
    replace_file(path, json.dumps(content, indent=2).encode() + b"\n")
    return path


def kept_host_speed(state_dir: Path) -> HostSpeed | None:
    """Return what is kept of this host; None if there is nothing, or nothing usable. Blocks."""
    try:
        found = json.loads(read_state_file(state_dir / FILE_NAME, _SIZE_MAX_BYTES))
        if found["version"] != _VERSION or found["host"] != host_facts():
            return None
        names = ("snapshot_puts_per_s", "all_puts_per_s", "measured_unix_s")
        speed = HostSpeed(*(float(found[name]) for name in names))
    except (OSError, ValueError, LookupError, TypeError, BulkputError):
        return None  # an estimate can do without
    is_usable = speed.snapshot_puts_per_s > 0 and speed.all_puts_per_s > 0
    return speed if is_usable and speed.measured_unix_s <= time.time() else None
