"""A job's systemd units, made from the template units that come with the program.

Pure: texts in, texts out. A template is a unit that works by itself, so that what is written here
is what stands in the examples, with this job's names.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from bulkput.model.errors import UsageError

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9:_.-]+")
_HEAD_COMMENT = re.compile(r"\A(?:#.*\n)+\n")
"""Says how the template is used, which a unit of its own is not."""
_NAME_CHARS_MAX = 200
"""A unit's name has at most 255 with its ending (systemd.unit)."""
_OWN_USER = re.compile(r"^DynamicUser=yes\nSupplementaryGroups=disk\n", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class ServiceUnit:
    """What a unit is made of."""

    name: str
    job: Path
    """Absolute."""
    program: tuple[str, ...]
    """The words that call bulkput, with absolute paths."""
    user: str | None = None
    """None: one that systemd makes up for the service."""
    state_dir: Path | None = None
    """The job file's own; None: the service's folder below /var/lib."""


def unit_name(text: str) -> str:
    """Return ``text`` with only what a unit's name may have.

    Raises:
        UsageError: nothing is left of it.
    """
    name = _NOT_IN_NAMES.sub("-", text).strip("-.")[:_NAME_CHARS_MAX]
    if not name:
        raise UsageError(f"--name: expected letters or digits, not {text!r}")
    return name


def service_unit(template: str, unit: ServiceUnit) -> str:
    """Return the service that runs the job."""
    folder = f"bulkput-{unit.name}"
    place = f"%S/private/{folder}" if unit.user is None else f"%S/{folder}"
    state = "" if unit.state_dir else f" --state-dir {place}"
    program = " ".join(map(_quoted, unit.program))
    command = f"{program} run {_quoted(str(unit.job))}{state}"
    lines = {
        "Description": f"bulkput job {_escaped(unit.name)}",
        "ExecStart": command,
        "StateDirectory": folder,
    }
    text = _with_values(_HEAD_COMMENT.sub("", template), lines)
    if unit.user is not None:
        text = _OWN_USER.sub(f"User={_escaped(unit.user)}\n", text)
    if unit.state_dir is not None:
        writable = f"ReadWritePaths={_quoted(str(unit.state_dir))}\n"
        text = text.replace("UMask=0077\n", f"{writable}UMask=0077\n")
    return text


def timer_unit(template: str, unit: ServiceUnit, on_calendar: str) -> str:
    """Return the timer that starts the service.

    Raises:
        UsageError: ``on_calendar`` has more than one line.
    """
    if "\n" in on_calendar or not on_calendar.strip():
        raise UsageError("--on-calendar: expected one line, such as '*-*-* 02:00' or daily")
    values = {
        "Description": f"bulkput job {_escaped(unit.name)}, by the clock",
        "OnCalendar": on_calendar.strip(),
    }
    return _with_values(_HEAD_COMMENT.sub("", template), values)


def _with_values(text: str, values: dict[str, str]) -> str:
    """Return a unit with each key's value replaced; every key is there once."""
    lines = text.split("\n")
    for key, value in values.items():
        (number,) = (at for at, line in enumerate(lines) if line.startswith(f"{key}="))
        lines[number] = f"{key}={value}"
    return "\n".join(lines)


def _quoted(text: str) -> str:
    """Return a text as one word of a unit's command line (systemd.syntax)."""
    if "\n" in text:
        raise UsageError(f"{text!r}: a unit cannot name a path with a line feed")
    inside = _escaped(text).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return inside if inside == text and " " not in text and "'" not in text else f'"{inside}"'


def _escaped(text: str) -> str:
    """Return text without specifiers: ``%`` begins one."""
    return text.replace("%", "%%")
