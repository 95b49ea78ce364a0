"""``bulkput config``: check, show and describe the configuration. Sends nothing anywhere."""

import json
from pathlib import Path
from typing import Any

import click

from bulkput.cli.command import Group
from bulkput.cli.job_options import Choice, load_job, reference_options
from bulkput.cli.options import PATH, invocation_of
from bulkput.cli.text import write_message_line

_CONFIG = click.argument("config", type=PATH)
_MISSING_SHOWN_MAX = 20
"""More lines than anybody reads: a folder that is not there has as many files as it likes."""


@click.group(cls=Group)
def config() -> None:
    """Check, show and describe job files."""


@config.command()
@_CONFIG
@reference_options
@click.pass_context
def check(context: click.Context, /, config: Path, **choices: Any) -> None:
    """Report everything that is wrong with CONFIG; exit code 3 if anything is.

    Sources that are missing here are warnings.
    """
    from bulkput.config.sources import missing_sources  # noqa: PLC0415 - keeps --help fast

    settings = load_job(config, Choice(**choices), invocation_of(context)).settings
    missing = missing_sources(settings)
    for text in missing[:_MISSING_SHOWN_MAX]:
        write_message_line(f"warning: {text}")
    if len(missing) > _MISSING_SHOWN_MAX:
        write_message_line(
            f"warning: and {len(missing) - _MISSING_SHOWN_MAX} more sources are missing"
        )
    count = len(settings.volumes)
    click.echo(f"ok: {count} volume{'' if count == 1 else 's'}")


@config.command()
@_CONFIG
@reference_options
@click.pass_context
def show(context: click.Context, /, config: Path, **choices: Any) -> None:
    """Print every value of CONFIG, defaults included, and where it came from."""
    from bulkput.config.show import shown  # noqa: PLC0415 - keeps --help fast

    click.echo(shown(load_job(config, Choice(**choices), invocation_of(context))), nl=False)


@config.command()
@click.option("--events", is_flag=True, help="Print the schema of the lines of --events instead.")
def schema(*, events: bool) -> None:
    """Print the JSON Schema of job files, for editors."""
    if events:
        from bulkput.observe.record_schema import record_schema  # noqa: PLC0415 - keeps --help fast

        click.echo(json.dumps(record_schema(), indent=2))
        return
    from bulkput.config.schema import json_schema  # noqa: PLC0415 - keeps --help fast

    click.echo(json.dumps(json_schema(), indent=2))
