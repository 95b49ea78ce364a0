"""``bulkput init``: one of the examples written where the user is, to start from."""

from pathlib import Path

import click

from bulkput.cli.command import Command, nearest
from bulkput.cli.examples import example, examples
from bulkput.cli.options import PATH
from bulkput.cli.streams import write_message, write_result
from bulkput.cli.words import names_of_examples
from bulkput.model.errors import ConfigError, Problem

_STDOUT = Path("-")
_DEFAULT = "quickstart"


@click.command(cls=Command)
@click.argument("name", metavar="[EXAMPLE]", default=_DEFAULT, shell_complete=names_of_examples)
@click.option(
    "--output",
    type=PATH,
    metavar="FILE",
    help="File to write, or - for stdout. Default: a file named after the example, in the "
    "current folder.",
)
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
@click.pass_context
def init(context: click.Context, name: str, *, output: Path | None, force: bool) -> None:
    """Write an example of a job file, or an IAM policy, to start from.

    EXAMPLE is quickstart (the default: a rehearsal without AWS), image (the same, on to an AMI in
    two Regions), aws (every key, with comments), migration (a folder of images), several-volumes,
    series (increments of one disk), a policy such as iam/upload, or what starts jobs elsewhere,
    such as systemd/bulkput@.service. The path of the new file goes to stdout. A file that exists
    is left alone unless --force is given.
    """
    if name not in examples():
        near = " or ".join(nearest(name, list(examples())))
        advice = f" Did you mean {near}?" if near else ""
        names = ", ".join(examples())
        raise click.UsageError(
            f"There is no example {name!r}.{advice} The examples are {names}.", context
        )
    content = example(name)
    if output == _STDOUT:
        write_result(content.decode())
        return
    path = Path(examples()[name]) if output is None else output
    _write(path, content, force=force)
    if path.suffix == ".yaml":
        write_message(f"{path}: the example {name}. Next: bulkput run {path}")
    write_result(f"{path}\n")


def _write(path: Path, content: bytes, *, force: bool) -> None:
    """Write ``content`` to ``path``.

    Raises:
        ConfigError: there is such a file already, or it cannot be written.
    """
    try:
        with path.open("wb" if force else "xb") as file:
            file.write(content)
    except FileExistsError as error:
        advice = "exists already: --force replaces it, --output FILE writes to another"
        raise ConfigError((Problem(str(path), advice),)) from error
    except OSError as error:
        raise ConfigError((Problem(str(path), f"cannot be written: {error.strerror}"),)) from error
