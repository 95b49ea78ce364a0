"""``bulkput publish``: what becomes of a job's snapshots, without uploading anything."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulkput.cli.command import Command
from bulkput.cli.job_options import Choice, choice_options, load_job
from bulkput.cli.options import (
    PATH,
    invocation_of,
    observe_options,
    reporting_options,
    service_options,
    state_option,
)
from bulkput.cli.publishing_options import require_public_is_meant, yes_public_option
from bulkput.cli.result_file import ResultFile, result_file, result_option
from bulkput.cli.run import OVERRIDES
from bulkput.model.errors import UsageError

if TYPE_CHECKING:
    from bulkput.cli.options import Invocation
    from bulkput.config.settings import JobSettings
    from bulkput.model.job_outcomes import JobOutcomes


@click.command(cls=Command)
@click.argument("config", type=PATH)
@click.option(
    "--snapshot",
    "named",
    multiple=True,
    metavar="VOLUME=SNAPSHOT",
    help="The completed snapshot of a volume of the job; of the others the state folder knows. "
    "May be repeated.",
)
@choice_options
@yes_public_option
@result_option
@state_option
@service_options
@observe_options
@reporting_options
@click.pass_context
def publish(context: click.Context, /, config: Path, *, result: Path | None, **flags: Any) -> int:
    """Make of completed snapshots what a job asks for: images, copies, shares.

    Shares, copies, locks, volumes and images of CONFIG (- is standard input) are made of snapshots
    that exist; nothing is uploaded. What is made already is found and left as it is.
    """
    invocation = invocation_of(context)
    choice = Choice(
        flags["variables"],
        flags["allow_command"],
        flags["only"],
        flags["exclude"],
        overrides={key: flags[name] for name, key in OVERRIDES.items() if name in flags},
    )
    named = snapshots_of(flags["named"])
    with result_file(result) as file:
        settings = load_job(config, choice, invocation).settings
        require_public_is_meant(settings, yes=flags["yes_public"])
        return _publish(settings, named, invocation, file)


def snapshots_of(texts: tuple[str, ...]) -> dict[str, str]:
    """Return snapshots by the names of volumes.

    Raises:
        UsageError: one is not written as VOLUME=SNAPSHOT, or a volume is named twice.
    """
    from bulkput.model.snapshot_id import is_snapshot_id  # noqa: PLC0415 - beside what needs it

    found: dict[str, str] = {}
    for text in texts:
        volume, _, snapshot_id = text.rpartition("=")
        if not volume or not is_snapshot_id(snapshot_id):
            raise UsageError("--snapshot: expected VOLUME=SNAPSHOT, such as web=snap-0123abcd")
        if volume in found:
            raise UsageError(f"--snapshot: {volume} is given twice")
        found[volume] = snapshot_id
    return found


def publish_shown(
    settings: "JobSettings", named: dict[str, str], invocation: "Invocation"
) -> "JobOutcomes":
    """Do the later steps of a job, shown as a run is, and return what became of them.

    Raises:
        BulkputError: what concerns the job as a whole.
    """
    from bulkput.api.publish import publish_job  # noqa: PLC0415 - not for --help
    from bulkput.cli.shown_run import Ending, run_shown  # noqa: PLC0415 - the same
    from bulkput.observe.result import exit_code  # noqa: PLC0415 - the same

    return run_shown(
        lambda observer: publish_job(settings, snapshots=named, on_event=observer.on_event),
        settings,
        invocation,
        lambda ended: Ending(exit_code(ended, ended.images)),
        volume_count=len(settings.volumes),
    )


def _publish(
    settings: "JobSettings", named: dict[str, str], invocation: "Invocation", file: ResultFile
) -> int:
    from bulkput.cli.outcomes import report_outcomes  # noqa: PLC0415 - not for --help
    from bulkput.observe.result import job_object  # noqa: PLC0415 - the same

    started_s = time.monotonic()
    outcomes = publish_shown(settings, named, invocation)
    return report_outcomes(
        outcomes,
        time.monotonic() - started_s,
        invocation,
        lambda ended, elapsed_s: job_object(
            ended, images=ended.images, elapsed_s=elapsed_s, job=settings.name
        ),
        file,
    )
