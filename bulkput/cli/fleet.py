"""``bulkput fleet``: one job on many machines."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulkput.cli.command import Group
from bulkput.cli.job_options import Begin, Choice, choice_options, load_job
from bulkput.cli.options import (
    OBSERVE_OVERRIDES,
    PATH,
    invocation_of,
    observe_options,
    report_option,
    reporting_options,
    service_options,
    shown_options,
    state_option,
    store_option,
)
from bulkput.cli.publishing_options import require_public_is_meant, yes_public_option
from bulkput.cli.result_file import ResultFile, result_file, result_option
from bulkput.cli.run import run_job_and_report
from bulkput.cli.service import call_out, service_of
from bulkput.cli.streams import write_result
from bulkput.cli.text import table, write_message_line
from bulkput.model.duration import format_duration
from bulkput.model.errors import UsageError
from bulkput.observe.result import OutputForm, as_json

if TYPE_CHECKING:
    from bulkput.config.settings import JobSettings
    from bulkput.config.text import Text
    from bulkput.model.events import Observer
    from bulkput.model.job_outcomes import JobOutcomes

OVERRIDES = {
    "endpoint_url": "endpoint",
    **{name: name for name in ("state_dir", "state_store", "region", "profile")},
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


@fleet.command()
@click.argument("config", type=PATH)
@address_option
@click.option(
    "--fresh",
    is_flag=True,
    help="Make a new snapshot of every volume, even of those that an unfinished run has completed.",
)
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


HOSTS = ("HOST", "ADDRESS", "LABELS", "VOLUMES")
RUNNING = ("JOB", "VOLUME", "HOST", "PHASE", "DONE", "SNAPSHOT")

cluster_option = click.option(
    "--address",
    metavar="ADDRESS",
    default="auto",
    show_default=True,
    help="The Ray cluster: auto (that of this machine), HOST:PORT or ray://HOST:PORT.",
)


@fleet.command()
@cluster_option
@shown_options
@click.pass_context
def status(context: click.Context, /, address: str) -> None:
    """Show the hosts of a cluster, and the runs on it."""
    from bulkput.fleet.state import fleet_state  # noqa: PLC0415 - Ray is an extra, and heavy

    state = call_out(lambda: fleet_state(address), invocation_of(context))
    if invocation_of(context).output is OutputForm.JSON:
        write_result(as_json(state.as_dict()))
        return
    running = [
        [str(run["job"]), *(str(each[key]) for key in ("volume", "host", "phase"))]
        + [f"{each['fraction']:.1%}", each["snapshot_id"] or "-"]
        for run in state.runs.values()
        for each in run.get("running", ())
    ]
    counts = [row[2] for row in running]
    hosts = [
        [
            node.name,
            node.address,
            ",".join(f"{key}={value}" for key, value in node.labels.items()) or "-",
            str(counts.count(node.name)),
        ]
        for node in state.nodes
    ]
    write_result(table(HOSTS, hosts))
    if running:
        write_result("\n" + table(RUNNING, running))
    for run, each in state.runs.items():
        write_message_line(_summary(run, each))


def _summary(run: str, state: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{count} {name}" for name, count in state.get("volumes", {}).items())
    begun = format_duration(max(0.0, time.time() - state.get("begun_unix_s", time.time())))
    return f"{state['job']} ({run}): {counts or 'about to begin'}, begun {begun} ago"


@fleet.command()
@click.argument("job", required=False)
@cluster_option
@shown_options
@click.pass_context
def cancel(context: click.Context, /, job: str | None, address: str) -> None:
    """Stop a run in order, wherever it was started.

    JOB is the name or the id of the job; it may be left out where one run is under way. The same
    bulkput fleet run goes on with it.
    """
    from bulkput.fleet.state import cancel_runs  # noqa: PLC0415 - Ray is an extra, and heavy

    names = call_out(lambda: cancel_runs(address, job), invocation_of(context))
    if invocation_of(context).output is OutputForm.JSON:
        write_result(as_json({"cancelled": names}))
    else:
        write_result("".join(f"{name}: is stopping\n" for name in names))


@fleet.command()
@click.option(
    "--address",
    metavar="HOST:PORT",
    help="The head of the cluster that this machine joins.",
)
@click.option("--head", is_flag=True, help="Be the head: begin a cluster on this machine.")
@click.option("--port", type=int, default=6379, show_default=True, help="Port of the head.")
@click.option("--name", metavar="NAME", help="What the host is called. Default: its host name.")
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="KEY=VALUE",
    help="What the host has, for volumes whose placement asks for it; may be repeated.",
)
@shown_options
def host(
    address: str | None, *, head: bool, port: int, name: str | None, labels: tuple[str, ...]
) -> None:
    """Make this machine a host of a cluster, until it is stopped (SIGTERM).

    RAY_AUTH_TOKEN has the cluster's secret, the same on all hosts. Volumes of bulkput fleet run are
    uploaded here, with this machine's credentials.
    """
    if head == (address is not None):
        raise UsageError("one of --head and --address HOST:PORT is needed, and not both")
    from bulkput.fleet.host import become_host, host_command  # noqa: PLC0415 - an extra

    become_host(host_command(address, _name(name), _labels(labels), port=port))


def _name(name: str | None) -> str | None:
    from bulkput.config.fleet import HOST_NAME_TEXT  # noqa: PLC0415 - pydantic is not for --help

    return None if name is None else _parsed("--name", HOST_NAME_TEXT, name)


def _labels(labels: tuple[str, ...]) -> dict[str, str]:
    from bulkput.config.fleet import LABEL_KEY_TEXT, LABEL_VALUE_TEXT  # noqa: PLC0415 - the same

    pairs = {}
    for text in labels:
        key, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--label: expected KEY=VALUE, not {text!r}")
        pairs[_parsed("--label", LABEL_KEY_TEXT, key)] = _parsed("--label", LABEL_VALUE_TEXT, value)
    return pairs


def _parsed(flag: str, form: "Text", text: str) -> str:
    try:
        return form.parse(text)
    except ValueError as error:
        raise UsageError(f"{flag}: {error}") from None


@fleet.command()
@click.argument("volume")
@state_option
@shown_options
@click.pass_context
def logs(context: click.Context, /, volume: str, state_dir: Path | None) -> None:
    """Show the log of a volume that failed, or is under way, in a run of this machine.

    It has all that happened to the volume on all hosts, in the run's last attempts too.
    """
    from bulkput.fleet.volume_logs import find_logs  # noqa: PLC0415 - not for --help

    folder = service_of(state_dir=state_dir)[1]
    found = find_logs(folder, volume)
    if not found:
        raise UsageError(
            f"there is no log of {volume} in {folder}: one that ends well is removed, and the logs "
            "are where bulkput fleet run was called"
        )
    text = found[0].read_text("utf-8", "replace")
    if invocation_of(context).output is OutputForm.JSON:
        write_result(as_json({"volume": volume, "log": str(found[0]), "lines": text.splitlines()}))
    else:
        write_result(text)
