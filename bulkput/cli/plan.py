"""``bulkput plan``, and ``--dry-run`` of other verbs: what would be put, and what that costs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulkput.cli.command import Command
from bulkput.cli.job_options import choice_options, load_job_or_flags, shard_option
from bulkput.cli.options import (
    Invocation,
    invocation_of,
    observe_options,
    service_options,
    shown_options,
    state_option,
)
from bulkput.cli.streams import write_message, write_result
from bulkput.cli.text import shown
from bulkput.observe.plain import plain
from bulkput.observe.result import OutputForm, as_json

if TYPE_CHECKING:
    from bulkput.config.settings import JobSettings

CONFIG_SUFFIXES = (".yaml", ".yml")
"""What ends so is a job's file, whatever it holds; all else is a source."""

dry_run_option = click.option(
    "--dry-run",
    is_flag=True,
    help="Send nothing: read the sources and show what would be put and what that costs, as "
    "bulkput plan does.",
)


@click.command(cls=Command)
@click.argument("target", metavar="CONFIG|SOURCE", type=click.Path())
@click.option(
    "--fast",
    is_flag=True,
    help="Do not read the source: count everything except holes as data. The number of puts is "
    "then an upper bound.",
)
@click.option(
    "--usd-per-thousand",
    type=float,
    metavar="USD",
    help="Price of 1000 puts in USD. Default: usd_per_thousand_puts of the configuration, or "
    "0.006.",
)
@choice_options
@shard_option
@state_option
@service_options
@observe_options
@shown_options
@click.pass_context
def plan(
    context: click.Context,
    /,
    target: str,
    *,
    fast: bool,
    usd_per_thousand: float | None,
    **flags: Any,
) -> int:
    """Show what an upload would put, and what that costs.

    CONFIG is a file whose name ends in .yaml or .yml; everything else is a SOURCE. Nothing is sent.
    For other file names, and for the flags of an upload, use --dry-run of bulkput run and bulkput
    upload.
    """
    flags |= {"usd_per_thousand_puts": usd_per_thousand}
    config = Path(target) if Path(target).suffix.lower() in CONFIG_SUFFIXES else None
    invocation = invocation_of(context)
    loaded = load_job_or_flags(config, target, flags, invocation)
    return plan_and_report(loaded.settings, invocation, fast=fast)


def plan_and_report(settings: "JobSettings", invocation: Invocation, *, fast: bool = False) -> int:
    """Forecast the job of ``settings`` and write the forecast.

    Returns:
        The exit code.

    Raises:
        BulkputError: something that concerns the whole job; nothing was written to stdout.
    """
    from bulkput.api.plan import plan as forecast_of  # noqa: PLC0415 - numpy is not for --help
    from bulkput.cli.forecast import forecast_text  # noqa: PLC0415 - the same
    from bulkput.cli.shown_run import Ending, run_shown  # noqa: PLC0415 - the same

    forecast = run_shown(
        lambda observer: forecast_of(settings, by_extents=fast, on_event=observer.on_event),
        settings,
        invocation,
        lambda found: Ending(found.exit_code),
        volume_count=len(settings.volumes),
        announce_ends=False,
    )
    if forecast.error is not None:
        write_message(f"bulkput: error: {plain(shown(forecast.error))}")
    in_json = invocation.output is OutputForm.JSON
    write_result(as_json(forecast.as_dict()) if in_json else forecast_text(forecast))
    return forecast.exit_code
