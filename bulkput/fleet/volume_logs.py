"""A log of each volume that is under way or failed, in the driver's state folder.

One file a volume with all its events, and the last words of processes that crashed. That of a
volume that ends well is removed.
"""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from bulkput.ledger.folder import ensure_folder
from bulkput.model.errors import BulkputError
from bulkput.model.events import Event, Observer, VolumeEnded, VolumeStarted
from bulkput.observe.plain import masked, one_line
from bulkput.observe.verbosity import Verbosity
from bulkput.observe.wording import event_line

_FOLDER = "fleet"
_SUFFIX = ".log"
_NAME_MAX_BYTES = 200
"""Of 255 that a file's name may have; a volume's has 100 letters of any script."""
_SIZE_MAX_BYTES = 16 << 20
"""100,000 retries of 160 characters; what comes then is in the events of the run."""


def log_folder(state_dir: Path, run: str) -> Path:
    """Return where the logs of a run are; nothing is created."""
    return state_dir / _FOLDER / run


def find_logs(state_dir: Path, volume: str) -> list[Path]:
    """Return the logs of volumes of this name, of all jobs, the latest first."""
    folder = state_dir / _FOLDER
    runs = [each for each in folder.iterdir() if each.is_dir()] if folder.is_dir() else []
    found = [each / _file_name(volume) for each in runs if (each / _file_name(volume)).is_file()]
    return sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)


class VolumeLogs:
    """An observer that passes everything on, and writes it down by volume.

    A log that cannot be written costs nothing else.
    """

    def __init__(self, observer: Observer, folder: Path) -> None:
        """Write below ``folder``, which is made."""
        self._observer = observer
        self._folder = folder
        with suppress(BulkputError):
            ensure_folder(folder.parent)
            ensure_folder(folder)

    def on_event(self, event: Event) -> None:
        """Write and pass on."""
        self._observer.on_event(event)
        line = _line(event)
        if line is not None:
            self.write(*line)
        if isinstance(event, VolumeEnded) and not event.outcome.exit_code:
            with suppress(OSError):
                self._path(event.outcome.volume).unlink(missing_ok=True)

    def write(self, volume: str, text: str) -> None:
        """Append the lines of a text."""
        at = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds")
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        with suppress(OSError):
            descriptor = os.open(self._path(volume), flags, 0o600)
            with os.fdopen(descriptor, "a", encoding="utf-8", errors="replace") as file:
                if file.tell() < _SIZE_MAX_BYTES:
                    file.writelines(f"{at} {each}\n" for each in _clean(text))

    def _path(self, volume: str) -> Path:
        return self._folder / _file_name(volume)


def _file_name(volume: str) -> str:
    """Return the name of a volume's log: the volume's own, if a file may have it."""
    if len(volume.encode()) > _NAME_MAX_BYTES:
        volume = (
            f"{volume[: _NAME_MAX_BYTES // 8]}-{hashlib.sha256(volume.encode()).hexdigest()[:12]}"
        )
    return f"{volume}{_SUFFIX}"


def _clean(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield one_line(masked(line, os.environ))


def _line(event: Event) -> tuple[str, str] | None:
    """Return whose log an event belongs to, and its words."""
    if isinstance(event, VolumeStarted):
        host = f" on {event.progress.host}" if event.progress.host else ""
        return event.progress.volume, f"started{host}: {event.source}"
    volume = (
        event.outcome.volume if isinstance(event, VolumeEnded) else getattr(event, "volume", "")
    )
    line = event_line(event, Verbosity.VERBOSE, announce_ends=True)
    return (volume, line.text) if volume and line is not None else None
