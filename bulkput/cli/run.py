"""``bulkput run``: the job of one YAML file."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from bulkput.cli.options import PATH, invocation_of, service_options, state_option, telling_options
from bulkput.cli.plan import dry_run_option, plan_and_tell
from bulkput.model.outcome import VolumeOutcome


@click.command()
@click.argument("config", type=PATH)
@dry_run_option
@state_option
@service_options
@telling_options
@click.pass_context
def run(
    context: click.Context,
    config: Path,
    *,
    dry_run: bool,
    state_dir: Path | None,
    region: str | None,
    profile: str | None,
    endpoint_url: str | None,
) -> int:
    """Run the migration job of a YAML file.

    Each volume in CONFIG becomes one snapshot. To resume an interrupted job, run the same command
    again.
    """
    from bulkput.config.load import load_settings  # noqa: PLC0415 - not for --help

    overrides = {
        "state_dir": state_dir,
        "region": region,
        "profile": profile,
        "endpoint": endpoint_url,
    }
    loaded = load_settings(config, environ=os.environ, overrides=overrides)
    if dry_run:
        return plan_and_tell(loaded.settings, invocation_of(context))
    from bulkput.cli.report import run_and_tell  # noqa: PLC0415 - not for --help

    return run_and_tell(loaded.settings, invocation_of(context), _as_object)


def _as_object(outcomes: Sequence[VolumeOutcome], elapsed_s: float) -> dict[str, Any]:
    from bulkput.observe.result import job_object  # noqa: PLC0415 - not for --help

    return job_object(outcomes, elapsed_s=elapsed_s)
