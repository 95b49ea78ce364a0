"""``bulkput config``: check, show and describe the configuration. Sends nothing anywhere."""

import json
import os
from pathlib import Path

import click

from bulkput.cli.options import PATH

_CONFIG = click.argument("config", type=PATH)


@click.group()
def config() -> None:
    """Check, show and describe job files."""


@config.command()
@_CONFIG
def check(config: Path) -> None:
    """Report everything that is wrong with CONFIG; exit code 3 if anything is."""
    from bulkput.config.load import load_settings  # noqa: PLC0415 - keeps --help fast

    settings = load_settings(config, environ=os.environ).settings
    count = len(settings.volumes)
    click.echo(f"ok: {count} volume{'' if count == 1 else 's'}")


@config.command()
@_CONFIG
def show(config: Path) -> None:
    """Print every value of CONFIG, defaults included, and where it came from."""
    from bulkput.config.load import load_settings  # noqa: PLC0415 - keeps --help fast
    from bulkput.config.show import shown  # noqa: PLC0415 - keeps --help fast

    click.echo(shown(load_settings(config, environ=os.environ)), nl=False)


@config.command()
def schema() -> None:
    """Print the JSON Schema of job files, for editors."""
    from bulkput.config.schema import json_schema  # noqa: PLC0415 - keeps --help fast

    click.echo(json.dumps(json_schema(), indent=2))
