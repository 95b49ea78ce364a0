"""``bulkput copy``: a snapshot to another Region or account, by flags."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from bulkput.cli.command import Command
from bulkput.cli.options import (
    config_option,
    invocation_of,
    observe_options,
    report_option,
    reporting_options,
    service_options,
    state_option,
    store_option,
    with_options,
)
from bulkput.cli.service import warn_of_environment
from bulkput.cli.tuning_options import processes_option, quota_share_option
from bulkput.cli.words import snapshots
from bulkput.model.outcome import VolumeOutcome

_target_options = with_options(
    click.option(
        "--to-region",
        metavar="NAME",
        help="Region of the copy. Default: the Region of --to-profile, or --region.",
    ),
    click.option(
        "--to-profile", metavar="NAME", help="AWS profile that writes the copy. Default: --profile."
    ),
    click.option(
        "--to-endpoint-url",
        metavar="URL",
        help="One URL for EBS and EC2 on the copy's side. Default: --endpoint-url.",
    ),
)
_snapshot_options = with_options(
    click.option(
        "--volume-size-gib",
        type=int,
        metavar="GIB",
        help="Size of the copy's volume. Default: the snapshot's.",
    ),
    click.option(
        "--description", metavar="TEXT", help="Description of the copy. Default: the snapshot's."
    ),
    click.option(
        "--tag",
        multiple=True,
        metavar="KEY=VALUE",
        help="A tag to add, or to replace one that the snapshot has. May be repeated.",
    ),
    click.option("--kms-key-arn", metavar="ARN", help="Encrypt the copy with this key."),
    click.option(
        "--encrypted/--unencrypted",
        default=None,
        help="Encrypt the copy or not. Default: encrypted if the snapshot is, or if the "
        "account encrypts by default.",
    ),
    click.option(
        "--timeout-min",
        type=int,
        metavar="MINUTES",
        help="Minutes without a put, 10 to 4320, after which the service discards the "
        "unfinished copy. Default: 4320.",
    ),
    click.option(
        "--zeros",
        type=click.Choice(["auto", "write"]),
        default=None,
        help="Which blocks of zeros to put: auto (the default) only those that would otherwise "
        "read as something else, write all of them.",
    ),
)
_end_options = with_options(
    click.option(
        "--full",
        is_flag=True,
        help="Copy all blocks, even if an earlier copy could serve as the parent of an increment.",
    ),
    click.option(
        "--on-failure",
        type=click.Choice(["keep", "delete"]),
        default=None,
        help="What to do with the pending copy after a failure or signal: keep it for a rerun "
        "(the default), or delete it.",
    ),
    click.option(
        "--no-wait",
        is_flag=True,
        help="Do not wait until the snapshot is completed; its status is then pending.",
    ),
    click.option(
        "--verify",
        is_flag=True,
        help="Read the copy back and compare it with the digests of what was put.",
    ),
)


@click.command(cls=Command)
@click.argument("snapshot_id", metavar="SNAPSHOT", shell_complete=snapshots)
@_target_options
@_snapshot_options
@_end_options
@state_option
@store_option
@config_option
@service_options
@processes_option
@observe_options
@quota_share_option
@report_option
@reporting_options
@click.pass_context
def copy(
    context: click.Context,
    /,
    config: Path | None,
    *,
    no_wait: bool,
    verify: bool,
    **flags: Any,
) -> int:
    """Copy a completed snapshot to another Region or account.

    Blocks are copied through this machine's memory. To resume an interrupted copy, run the same
    command again.
    """
    from bulkput.config.copying import copy_from_flags  # noqa: PLC0415 - not for --help

    flags |= {
        "wait": False if no_wait else None,
        "verify": "full" if verify else None,
    }
    warn_of_environment(invocation_of(context))
    settings = copy_from_flags(flags, environ=os.environ, config=config)
    from bulkput.api.copy import copy_undelivered  # noqa: PLC0415 - not for --help
    from bulkput.api.delivery import mark_delivered  # noqa: PLC0415 - the same
    from bulkput.cli.outcomes import report_outcomes  # noqa: PLC0415 - the same
    from bulkput.cli.shown_run import Ending, run_shown  # noqa: PLC0415 - the same

    invocation = invocation_of(context)
    started_s = time.monotonic()
    deletes = settings.target.volumes[0].on_failure == "delete"
    outcome = run_shown(
        lambda observer: copy_undelivered(settings, on_event=observer.on_event),
        settings.target,
        invocation,
        lambda copied: Ending(copied.exit_code),
        deleted={settings.snapshot_id} if deletes else (),
    )
    status = report_outcomes([outcome], time.monotonic() - started_s, invocation, _as_object)
    mark_delivered(settings.target, [outcome])
    return status


def _as_object(outcomes: Sequence[VolumeOutcome], _: float) -> dict[str, Any]:
    (outcome,) = outcomes
    return outcome.as_dict()
