"""``bulkput install-service``: a job as a service of systemd, by the clock if that is asked for.

Owns the verb and where units are written. The units are the examples in ``systemd/``.
"""

import os
import shutil
import sys
from pathlib import Path

import click

from bulkput.cli.command import Command
from bulkput.cli.examples import example
from bulkput.cli.options import PATH
from bulkput.cli.streams import write_message, write_result
from bulkput.cli.systemd_unit import ServiceUnit, service_unit, timer_unit, unit_name
from bulkput.model.errors import ConfigError, Problem
from bulkput.observe.whole_file import write_whole

_UNITS_DIR = Path("/etc/systemd/system")


@click.command("install-service", cls=Command)
@click.argument("job", type=PATH)
@click.option("--name", metavar="NAME", help="Name of the unit. Default: the job file's.")
@click.option(
    "--on-calendar",
    metavar="WHEN",
    help="Run it by the clock too, such as '*-*-* 02:00' or daily (man systemd.time).",
)
@click.option(
    "--user",
    metavar="NAME",
    help="User who runs it, and may read the disks. Default: a user of its own in the group disk.",
)
@click.option(
    "--units-dir",
    type=PATH,
    default=_UNITS_DIR,
    show_default=True,
    metavar="DIR",
    help="Folder for the units.",
)
@click.option("--dry-run", is_flag=True, help="Print the units and write nothing.")
def install_service(
    job: Path,
    *,
    name: str | None,
    on_calendar: str | None,
    user: str | None,
    units_dir: Path,
    dry_run: bool,
) -> None:
    """Make a job a service of systemd, and of its timer.

    The job file is checked first. The units are printed, and written unless --dry-run is given; an
    older version of them is replaced. Nothing is started: the commands for that are shown.
    """
    from bulkput.config.load import load_settings  # noqa: PLC0415 - pydantic is not for --help

    settings = load_settings(job, environ=os.environ).settings
    unit = ServiceUnit(
        name=unit_name(name or job.stem),
        job=job.resolve(),
        program=_program(),
        user=user,
        state_dir=settings.state_dir,
    )
    units = {f"bulkput-{unit.name}.service": service_unit(_template("service"), unit)}
    if on_calendar is not None:
        units[f"bulkput-{unit.name}.timer"] = timer_unit(_template("timer"), unit, on_calendar)
    for file, content in units.items():
        write_result(f"# {units_dir / file}\n{content}\n")
    if not dry_run:
        for file, content in units.items():
            _write(units_dir / file, content)
        write_message(_next_steps(list(units)))


def _template(kind: str) -> str:
    return example(f"systemd/bulkput@.{kind}").decode()


def _program() -> tuple[str, ...]:
    """Return the words that call this very installation, with absolute paths."""
    called = Path(sys.argv[0])
    found = called if called.name == "bulkput" and called.exists() else shutil.which("bulkput")
    return (str(Path(found).absolute()),) if found else (sys.executable, "-m", "bulkput")


def _write(path: Path, content: str) -> None:
    """Replace a unit.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content.encode())
        path.chmod(0o644)  # a unit is no secret: whoever asks systemctl for it may read it
    except OSError as error:
        advice = f"cannot be written: {error.strerror}; as root, or --units-dir DIR"
        raise ConfigError((Problem(str(path), advice),)) from error


def _next_steps(files: list[str]) -> str:
    service, *timers = files
    start = f"systemctl enable --now {timers[0]}" if timers else f"systemctl start {service}"
    return (
        f"Next: systemctl daemon-reload && {start}\n"
        f"What it shows: journalctl -u {service}. What a failure means: bulkput help scripting"
    )
