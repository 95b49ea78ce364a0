"""``bulkput fleet``: one job on many machines."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulkput.cli.command import Group
from bulkput.cli.fleet_host import host
from bulkput.cli.fleet_look import cancel, logs, status
from bulkput.cli.job_options import Begin, Choice, choice_options, fresh_option, load_job
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
from bulkput.cli.publishing_options import require_public_is_meant, yes_public_option
from bulkput.cli.result_file import result_file, result_option
from bulkput.cli.run import run_job_and_report

if TYPE_CHECKING:
    from bulkput.config.settings import JobSettings
    from bulkput.model.events import Observer
    from bulkput.model.job_outcomes import JobOutcomes

OVERRIDES = {
    **SERVICE_OVERRIDES,
    "address": "fleet.address",
    **OBSERVE_OVERRIDES,
}
"""Keys of the file by the names of flags."""

address_option = click.option(
    "--address",
    metavar="ADDRESS",
    help="The Ray cluster: auto (that of this machine), local (one for this run), HOST:PORT or "
    "ray://HOST:PORT. Default: fleet.address of the job, else auto.",
)


@click.group(cls=Group)
def fleet() -> None:
    """Run a job on many machines, by a Ray cluster."""


for command in (status, cancel, host, logs):
    fleet.add_command(command)


@fleet.command()
@click.argument("config", type=PATH)
@address_option
@fresh_option
@choice_options
@yes_public_option
@result_option
@state_option
@store_option
@service_options
@observe_options
@report_option
@reporting_options
@click.pass_context
def run(context: click.Context, /, config: Path, *, result: Path | None, **flags: Any) -> int:
    """Run the job of a YAML file on the hosts of a cluster.

    Each volume in CONFIG becomes one snapshot, uploaded by a host that has its source. To resume an
    interrupted job, run the same command again, here or on another machine with the same CONFIG and
    state store.
    """
    begin: Begin = "fresh" if flags["fresh"] else "auto"
    invocation = invocation_of(context)
    choice = Choice(
        flags["variables"],
        flags["allow_command"],
        flags["only"],
        flags["exclude"],
        begin,
        overrides={key: flags[name] for name, key in OVERRIDES.items()},
    )
    with result_file(result) as file:
        settings = load_job(config, choice, invocation).settings
        require_public_is_meant(settings, yes=flags["yes_public"])
        return run_job_and_report(settings, invocation, file, work=_on_fleet)


async def _on_fleet(settings: "JobSettings", observer: "Observer") -> "JobOutcomes":
    from bulkput.fleet.run_fleet import run_fleet  # noqa: PLC0415 - Ray is an extra, and heavy

    return await run_fleet(settings, observer=observer)
