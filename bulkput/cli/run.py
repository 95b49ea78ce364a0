"""``bulkput run``: the job of one YAML file."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulkput.cli.command import Command
from bulkput.cli.job_options import (
    Begin,
    Choice,
    choice_options,
    fresh_option,
    load_job,
    schedule_options,
    shard_options,
)
from bulkput.cli.options import (
    OBSERVE_OVERRIDES,
    PATH,
    SERVICE_OVERRIDES,
    invocation_of,
    observe_options,
    report_option,
    reporting_options,
    service_options,
    state_option,
    store_option,
)
from bulkput.cli.plan import dry_run_option, plan_and_report
from bulkput.cli.publishing_options import require_public_is_meant, yes_public_option
from bulkput.cli.result_file import ResultFile, result_file, result_option
from bulkput.cli.tuning_options import processes_option
from bulkput.model.errors import UsageError

if TYPE_CHECKING:
    from bulkput.cli.options import Invocation
    from bulkput.cli.outcomes import Work
    from bulkput.config.settings import JobSettings
    from bulkput.model.job_outcomes import JobOutcomes

OVERRIDES = {
    **SERVICE_OVERRIDES,
    **{name: name for name in ("parallel", "order", "on_error", "max_duration", "window")},
    "processes": "tuning.processes",
    "quota_share": "tuning.quota_share",
    **OBSERVE_OVERRIDES,
}
"""Keys of the file by the names of flags."""


@click.command(cls=Command)
@click.argument("config", type=PATH)
@fresh_option
@click.option(
    "--rerun-failed",
    is_flag=True,
    help="Run only what an earlier run left unfinished (the default after a failure); after a "
    "complete success, do nothing.",
)
@choice_options
@shard_options
@schedule_options
@processes_option
@yes_public_option
@dry_run_option
@result_option
@state_option
@store_option
@service_options
@observe_options
@report_option
@reporting_options
@click.pass_context
def run(context: click.Context, /, config: Path, *, result: Path | None, **flags: Any) -> int:
    """Run the migration job of a YAML file.

    Each volume in CONFIG (- is standard input) becomes one snapshot. To resume an interrupted job,
    run the same command again: volumes that are completed are reported and not uploaded again,
    until all of them are.
    """
    if flags["fresh"] and flags["rerun_failed"]:
        raise UsageError("--fresh and --rerun-failed exclude each other.")
    begin: Begin = "fresh" if flags["fresh"] else "rerun" if flags["rerun_failed"] else "auto"
    invocation = invocation_of(context)
    choice = Choice(
        flags["variables"],
        flags["allow_command"],
        flags["only"],
        flags["exclude"],
        begin,
        flags["shard"],
        {key: flags[name] for name, key in OVERRIDES.items()},
    )
    with result_file(result) as file:
        settings = load_job(config, choice, invocation).settings
        require_public_is_meant(settings, yes=flags["yes_public"])
        if flags["dry_run"]:
            return plan_and_report(settings, invocation)
        return run_job_and_report(settings, invocation, file)


def run_job_and_report(
    settings: "JobSettings",
    invocation: "Invocation",
    file: ResultFile,
    work: "Work | None" = None,
) -> int:
    """Run a job, report what became of it, and return the exit code.

    Args:
        settings: The job.
        invocation: How it is reported.
        file: Where the result is written too.
        work: Uploads the volumes; None is this machine.
    """
    from bulkput.cli.outcomes import run_and_report  # noqa: PLC0415 - not for --help
    from bulkput.observe.result import job_object  # noqa: PLC0415 - not for --help

    request = settings.request
    if request is not None:
        file.job = {"job": request.identity.name, "job_id": request.identity.job_id}

    def as_object(outcomes: "JobOutcomes", elapsed_s: float) -> dict[str, Any]:
        return job_object(
            outcomes,
            images=outcomes.images,
            elapsed_s=elapsed_s,
            job=request.identity.name if request else settings.name,
            job_id=request.identity.job_id if request else None,
        )

    return run_and_report(settings, invocation, as_object, file, work=work)
