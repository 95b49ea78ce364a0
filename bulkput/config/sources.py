"""Whether the sources of a job are there, and what was meant where one is not. Opens none."""

import os
import re
from pathlib import Path

from bulkput.config.settings import JobSettings

_SHELL_VARIABLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_PATTERN = re.compile(r"[*?\[]")


def missing_sources(settings: JobSettings) -> list[str]:
    """Return a sentence for each local source that does not exist, in the order of the volumes."""
    return [
        f"{volume.label}: {text}"
        for volume in settings.volumes
        if isinstance(volume.source.path, Path) and (text := _missing(volume.source.path))
    ]


def _missing(path: Path) -> str | None:
    try:
        path.stat()
    except FileNotFoundError:
        what = "does not exist"
    except OSError as error:
        what = f"cannot be looked at: {os.strerror(error.errno or 0)}"
    else:
        return None
    return f"{path} {what}{_meant(str(path))}"


def _meant(path: str) -> str:
    """Return what somebody may have meant by a path that is none."""
    variable = _SHELL_VARIABLE.search(path)
    if variable:
        return (
            f"; `${variable[1]}` is not replaced: for the variable write `${{env.{variable[1]}}}`"
        )
    if _PATTERN.search(path):
        return "; a pattern of files is written as `volumes_from: {glob: ...}`"
    return ""
