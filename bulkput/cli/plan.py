"""``bulkput plan``, and ``--dry-run`` of other verbs: what would be put, and what that costs."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulkput.cli.command import Command
from bulkput.cli.job_options import Choice, choice_options, load_job
from bulkput.cli.options import (
    Invocation,
    invocation_of,
    service_options,
    shown_options,
    state_option,
)
from bulkput.cli.service import warn_of_environment
from bulkput.cli.streams import write_message, write_result
from bulkput.cli.text import shown, write_message_line
from bulkput.model.errors import UsageError
from bulkput.observe.plain import plain
from bulkput.observe.result import OutputForm, as_json

if TYPE_CHECKING:
    from bulkput.api.forecast import JobForecast
    from bulkput.config.settings import JobSettings

CONFIG_SUFFIXES = (".yaml", ".yml")
"""What ends so is a job's file, whatever it holds; all else is a source."""

_REPORT_INTERVAL_S = 5.0
"""As the lines of an upload without a terminal."""

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
@state_option
@service_options
@shown_options
@click.pass_context
def plan(
    context: click.Context,
    /,
    target: str,
    *,
    fast: bool,
    usd_per_thousand: float | None,
    state_dir: Path | None,
    region: str | None,
    profile: str | None,
    endpoint_url: str | None,
    **choices: Any,
) -> int:
    """Show what an upload would put, and what that costs.

    CONFIG is a file whose name ends in .yaml or .yml; everything else is a SOURCE. Nothing is sent.
    For other file names, and for the flags of an upload, use --dry-run of bulkput run and bulkput
    upload.
    """
    from bulkput.config.flags import settings_from_flags  # noqa: PLC0415 - not for --help

    flags: dict[str, Any] = {
        "usd_per_thousand_puts": usd_per_thousand,
        "state_dir": state_dir,
        "region": region,
        "profile": profile,
    }
    if Path(target).suffix.lower() in CONFIG_SUFFIXES:
        choice = Choice(**choices, overrides=flags | {"endpoint": endpoint_url})
        loaded = load_job(Path(target), choice, invocation_of(context))
    elif Choice(**choices).is_made:
        raise UsageError("--only, --except, --set and --allow-command go with a CONFIG")
    else:
        flags["endpoint_url"] = endpoint_url
        warn_of_environment(invocation_of(context))
        loaded = settings_from_flags(target, flags=flags, environ=os.environ)
    return plan_and_report(loaded.settings, invocation_of(context), fast=fast)


def plan_and_report(settings: "JobSettings", invocation: Invocation, *, fast: bool = False) -> int:
    """Forecast the job of ``settings`` and write the forecast.

    Returns:
        The exit code.

    Raises:
        BulkputError: something that concerns the whole job; nothing was written to stdout.
    """
    # numpy's BLAS would start a thread a core that nothing here uses.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from bulkput.api.event_loop import run_in_loop  # noqa: PLC0415 - the same
    from bulkput.api.plan import plan as forecast_of  # noqa: PLC0415 - numpy is not for --help
    from bulkput.cli.forecast import forecast_text  # noqa: PLC0415 - the same

    progress = _Progress(quiet=invocation.quiet)

    async def main() -> "JobForecast":
        return await forecast_of(settings, by_extents=fast, on_progress=progress)

    forecast = run_in_loop(main)
    if forecast.error is not None:
        write_message(f"bulkput: error: {plain(shown(forecast.error))}")
    in_json = invocation.output is OutputForm.JSON
    write_result(as_json(forecast.as_dict()) if in_json else forecast_text(forecast))
    return forecast.exit_code


class _Progress:
    """Reports how far the reading is, a line every few seconds."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._due_s = time.monotonic() + _REPORT_INTERVAL_S

    def __call__(self, volume: str, fraction: float) -> None:
        now_s = time.monotonic()
        if self._quiet or now_s < self._due_s:
            return
        self._due_s = now_s + _REPORT_INTERVAL_S
        write_message_line(f"{volume}: looked at {fraction:.1%}")
