"""``bulkput fleet status``, ``cancel`` and ``logs``: what is under way, and what went wrong."""

import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click

from bulkput import __version__
from bulkput.cli.command import Command
from bulkput.cli.fleet_flags import cluster_option
from bulkput.cli.options import invocation_of, shown_options, state_option
from bulkput.cli.service import call_out, service_of
from bulkput.cli.streams import write_result
from bulkput.cli.text import table, write_message_line
from bulkput.model.duration import format_duration
from bulkput.model.errors import UsageError
from bulkput.observe.result import OutputForm, as_json

HOSTS = ("HOST", "ADDRESS", "LABELS", "VOLUMES")
RUNNING = ("JOB", "VOLUME", "HOST", "PHASE", "DONE", "SNAPSHOT")


@click.command(cls=Command)
@cluster_option
@shown_options
@click.pass_context
def status(context: click.Context, /, address: str) -> None:
    """Show the hosts of a cluster, and the runs on it."""
    from bulkput.fleet.state import fleet_state  # noqa: PLC0415 - Ray is an extra, and heavy

    state = call_out(lambda: fleet_state(address, write_message_line), invocation_of(context))
    if invocation_of(context).output is OutputForm.JSON:
        write_result(as_json(state.as_dict()))
        return
    running = [
        [
            str(run["job"]),
            *(str(each[key]) for key in ("volume", "host", "phase")),
            f"{each['fraction']:.1%}",
            each["snapshot_id"] or "-",
        ]
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
    if state["version"] != __version__:
        theirs = state["version"] or "another bulkput"
        return f"{state['job']} ({run}): is of {theirs}, which shows it; this is {__version__}"
    begun = format_duration(max(0.0, time.time() - state.get("begun_unix_s", time.time())))
    return f"{state['job']} ({run}): {counts or 'about to begin'}, begun {begun} ago"


@click.command(cls=Command)
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

    cancelling = partial(cancel_runs, address, job, write_message_line)
    names = call_out(cancelling, invocation_of(context))
    if invocation_of(context).output is OutputForm.JSON:
        write_result(as_json({"cancelled": names}))
    else:
        write_result("".join(f"{name}: is stopping\n" for name in names))


@click.command(cls=Command)
@click.argument("volume")
@state_option
@shown_options
@click.pass_context
def logs(context: click.Context, /, volume: str, state_dir: Path | None) -> None:
    """Show the log of a volume that failed or is under way.

    It is of the latest run that was called on this machine, and has all that happened to the
    volume on all hosts, in all attempts.
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
