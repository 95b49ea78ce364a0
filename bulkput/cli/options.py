"""The flags that several verbs share, and what they leave behind for ``main``."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args

import click

from bulkput.config.streams import is_stream
from bulkput.model.disk_format import FormatChoice
from bulkput.observe.result import OutputForm
from bulkput.observe.verbosity import Verbosity

_Command = TypeVar("_Command", bound=Callable[..., Any])


@dataclass
class Invocation:
    """What ``main`` must know of the command line to report an error as it was asked to."""

    output: OutputForm = OutputForm.TEXT
    quiet: bool = False
    verbose: bool = False
    verb: str = ""
    """The command's name, as events have it."""
    reported: list[Any] = field(default_factory=list)
    """The runs of this command that its report has: several where one follows the other."""

    @property
    def verbosity(self) -> Verbosity:
        """What both flags together ask for."""
        if self.quiet:
            return Verbosity.QUIET
        return Verbosity.VERBOSE if self.verbose else Verbosity.NORMAL


def invocation_of(context: click.Context) -> Invocation:
    """Return the command line's Invocation, made on demand where a test calls a verb alone."""
    invocation: Invocation = context.find_root().ensure_object(Invocation)
    invocation.verb = context.command.name or ""
    return invocation


def _note_output(context: click.Context, _: click.Parameter, value: str) -> None:
    invocation_of(context).output = OutputForm(value)


def _note_quiet(context: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's signature
    invocation = invocation_of(context)
    invocation.quiet = value
    _refuse_both(invocation, context)


def _note_verbose(context: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's signature
    invocation = invocation_of(context)
    invocation.verbose = value
    _refuse_both(invocation, context)


def _refuse_both(invocation: Invocation, context: click.Context) -> None:
    if invocation.quiet and invocation.verbose:
        raise click.UsageError("--quiet and --verbose exclude each other.", context)


def with_options(*options: Callable[[_Command], _Command]) -> Callable[[_Command], _Command]:
    """Return a decorator that adds ``options``, shown in help in the order given."""

    def add(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


# These flags are eager: an error in any other is then already reported as it was asked for.
def verbose_option(meaning: str) -> Callable[[_Command], _Command]:
    """Return ``--verbose`` with what it means to the verb."""
    return click.option(
        "--verbose",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_note_verbose,
        help=meaning,
    )


quiet_option = click.option(
    "--quiet",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_note_quiet,
    help="Show only errors.",
)


def output_option(meaning: str) -> Callable[[_Command], _Command]:
    """Return ``--output`` with what it means to the verb."""
    return click.option(
        "--output",
        type=click.Choice([form.value for form in OutputForm]),
        default=OutputForm.TEXT.value,
        show_default=True,
        is_eager=True,
        expose_value=False,
        callback=_note_output,
        help=meaning,
    )


class _GivenPath(click.Path):
    """A path that is not empty: ``Path("")`` would be the current folder.

    An empty one is an unset variable of the script that called.
    """

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str | bytes | os.PathLike[str]:
        if value == "":
            self.fail("expected a path, not an empty value.", param, ctx)
        return super().convert(value, param, ctx)


PATH = _GivenPath(path_type=Path, readable=False)
"""Whether it can be read is reported by who reads it, with the exit code of a source or a file."""


SOURCE = _GivenPath(readable=False)
"""As it was written: ``-`` is standard input, and ``./-`` a file."""


service_options = with_options(
    click.option(
        "--region",
        metavar="NAME",
        help="AWS Region. Default: AWS_REGION, then the profile's, then the instance's.",
    ),
    click.option("--profile", metavar="NAME", help="Profile in the AWS configuration files."),
    click.option(
        "--endpoint-url", metavar="URL", help="One URL for EBS and EC2, such as an emulator's."
    ),
)
state_option = click.option(
    "--state-dir",
    type=PATH,
    metavar="DIR",
    help="Folder for ledgers, which an interrupted command needs to resume.",
)
store_option = click.option(
    "--state-store",
    metavar="S3_URL",
    help="Where the state is kept in S3 too, as s3://bucket/prefix, so that another machine can "
    "go on.",
)
source_options = with_options(
    click.option(
        "--format",
        type=click.Choice(get_args(FormatChoice)),
        default=None,
        help="Format of the source: auto (the default) detects it by the content, raw takes "
        "the bytes as they are, even if they look like qcow2, gzip or another format.",
    ),
    click.option(
        "--allow-backing-file",
        is_flag=True,
        help="Allow a qcow2 image to read its backing files.",
    ),
    click.option(
        "--allow-mounted",
        is_flag=True,
        help="Read the source even if it is mounted, or others have it open for writing.",
    ),
    click.option(
        "--allow-trailing-data",
        is_flag=True,
        help="Accept other data after the end of a compressed disk, and leave it out.",
    ),
)
"""How a source is opened."""
config_option = click.option(
    "--config",
    type=PATH,
    metavar="FILE",
    help="YAML file to take settings from (tuning, region, endpoint and the like).",
)


class _StreamPath(_GivenPath):
    """A path to write to, or ``-`` or ``fd:N``, which stay text."""

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str | bytes | os.PathLike[str]:
        if isinstance(value, str) and is_stream(value):
            return value
        return super().convert(value, param, ctx)


observe_options = with_options(
    click.option(
        "--events",
        type=_StreamPath(path_type=Path, readable=False, allow_dash=True),
        metavar="FILE",
        help="Append every event as a line of JSON to FILE; - is stderr, which then has nothing "
        "else, fd:N an open file descriptor.",
    ),
    click.option(
        "--progress-interval",
        metavar="TIME",
        help="Time between two progress events, and between two lines of figures without a "
        "terminal, such as 10s. Default: 5s for events; 5s and, after a minute, 60s for lines.",
    ),
    click.option(
        "--log-file",
        type=PATH,
        metavar="FILE",
        help="Append everything that happens to FILE, with time and level.",
    ),
    click.option(
        "--metrics-listen",
        metavar="ADDRESS:PORT",
        help="Serve metrics for Prometheus at this address while the run lasts.",
    ),
    click.option(
        "--metrics-textfile",
        type=PATH,
        metavar="FILE",
        help="Write metrics to FILE, for the textfile collector of node_exporter.",
    ),
)
"""Of verbs that take time."""


report_option = click.option(
    "--report",
    type=PATH,
    metavar="FILE.html",
    help="Write a report with pictures to FILE.html, one page that loads nothing, however the run "
    "ends.",
)
"""Of verbs that move blocks."""

SERVICE_OVERRIDES = {
    "endpoint_url": "endpoint",
    **{name: name for name in ("state_dir", "state_store", "region", "profile")},
}
"""Keys of a job's file by the names of the flags that say where it is put."""

OBSERVE_OVERRIDES = {
    name: f"observe.{name}"
    for name in (
        *("events", "progress_interval", "log_file"),
        *("metrics_listen", "metrics_textfile", "report"),
    )
}
"""Keys of a job's file by the names of those flags."""
reporting_options = with_options(
    output_option("What is written to stdout: the snapshot's id, or one JSON object."),
    quiet_option,
    verbose_option("Show every retry, and tracebacks of unexpected errors."),
)
shown_options = with_options(
    output_option("What is written to stdout: text for people, or one JSON object."),
    verbose_option("Show tracebacks of unexpected errors."),
)
"""Of verbs whose result is what they show."""
