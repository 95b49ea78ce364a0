"""``bulkput upload``: one volume, by flags."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from bulkput.cli.command import Command
from bulkput.cli.job_options import show_warnings
from bulkput.cli.options import (
    PATH,
    SOURCE,
    config_option,
    invocation_of,
    observe_options,
    report_option,
    reporting_options,
    service_options,
    source_options,
    state_option,
    store_option,
    with_options,
)
from bulkput.cli.plan import dry_run_option, plan_and_report
from bulkput.cli.publishing_options import (
    EMPTY_IS_NOT_GIVEN,
    publishing_options,
    require_public_is_meant,
    require_zones_to_wait_for,
)
from bulkput.cli.tuning_options import processes_option, quota_share_option
from bulkput.cli.words import series, snapshots
from bulkput.model.block import VOLUME_SIZE_MAX_GIB, VOLUME_SIZE_MIN_GIB
from bulkput.model.errors import UsageError
from bulkput.model.outcome import VolumeOutcome
from bulkput.model.zeros import ZeroPolicy

_snapshot_options = with_options(
    click.option(
        "--volume-size-gib",
        metavar="SIZE",
        help=f"Size of the volume in GiB, {VOLUME_SIZE_MIN_GIB} to {VOLUME_SIZE_MAX_GIB}, or with "
        "a unit, such as 1TiB. Default: the source's, rounded up. Required for compressed disks "
        "and standard input.",
    ),
    click.option("--description", metavar="TEXT", help="Description of the snapshot."),
    click.option(
        "--tag",
        multiple=True,
        metavar="KEY=VALUE",
        help="A tag for the snapshot. May be repeated.",
    ),
    click.option("--kms-key-arn", metavar="ARN", help="Encrypt the snapshot with this key."),
    click.option(
        "--encrypted",
        is_flag=True,
        help="Encrypt the snapshot, with the account's default key unless --kms-key-arn names "
        "another.",
    ),
    click.option(
        "--parent",
        metavar="SNAPSHOT",
        shell_complete=snapshots,
        help="Put only blocks that differ from this completed snapshot.",
    ),
    click.option(
        "--parent-manifest",
        type=PATH,
        metavar="FILE",
        help="Manifest of the parent. Default: the one in the state folder; without one the "
        "parent is read.",
    ),
    click.option(
        "--series",
        metavar="NAME",
        shell_complete=series,
        help="Make the next snapshot of this series: the first one is full, and each later one "
        "is an increment of the one before.",
    ),
    click.option(
        "--client-token",
        metavar="TOKEN",
        help="Client token for StartSnapshot. Default: one derived from the source, so that a "
        "rerun finds the same snapshot.",
    ),
    click.option(
        "--timeout-min",
        type=int,
        metavar="MINUTES",
        help="Minutes without a put, 10 to 4320, after which the service discards the "
        "unfinished snapshot. Default: 4320.",
    ),
)
_zeros_option = click.option(
    "--zeros",
    type=click.Choice([policy.value for policy in ZeroPolicy]),
    default=None,
    help="Which blocks of zeros to put: auto (the default) all of them if the snapshot is "
    "encrypted, otherwise none.",
)
_end_options = with_options(
    click.option(
        "--resume",
        type=click.Choice(["auto", "trust", "verify"]),
        default=None,
        help="What a rerun does with blocks that were already sent: trust skips them if the source "
        "is unchanged, verify reads and compares them; auto (the default) trusts files on file "
        "systems that report every change and verifies everything else.",
    ),
    click.option(
        "--on-failure",
        type=click.Choice(["keep", "delete"]),
        default=None,
        help="What to do with the pending snapshot after a failure or signal: keep it for a "
        "rerun (the default), or delete it.",
    ),
    click.option(
        "--allow-changing-source",
        is_flag=True,
        help="Complete the snapshot even if the source changed while it was read.",
    ),
    click.option(
        "--no-wait",
        is_flag=True,
        help="Do not wait until the snapshot is completed; its status is then pending.",
    ),
    click.option(
        "--verify",
        is_flag=True,
        help="Read the snapshot back and compare every byte with the source.",
    ),
    click.option(
        "--verify-sample",
        metavar="SIZE",
        help="Read a random sample of this size, such as 10GiB, back and compare it with the "
        "source.",
    ),
)


@click.command(cls=Command)
@click.argument("source", type=SOURCE)
@_snapshot_options
@publishing_options
@_zeros_option
@source_options
@_end_options
@processes_option
@dry_run_option
@state_option
@store_option
@config_option
@service_options
@observe_options
@quota_share_option
@report_option
@reporting_options
@click.pass_context
def upload(  # noqa: PLR0913 - flags, each by its name
    context: click.Context,
    /,
    source: str,
    config: Path | None,
    *,
    encrypted: bool,
    allow_backing_file: bool,
    allow_mounted: bool,
    allow_trailing_data: bool,
    allow_changing_source: bool,
    no_wait: bool,
    verify: bool,
    verify_sample: str | None,
    dry_run: bool,
    **flags: Any,
) -> int:
    """Turn one disk into a snapshot.

    SOURCE is a disk image (raw, qcow2, VMDK, VHD, VHDX, VDI, or raw in gzip, xz or zstd), a block
    device, s3://bucket/key, an https:// address, or - for standard input. To resume an interrupted
    upload, run the same command again.
    """
    from bulkput.config.flags import settings_from_flags  # noqa: PLC0415 - not for --help

    flags |= {
        "encrypted": encrypted or None,
        "allow_backing_file": allow_backing_file or None,
        "allow_mounted": allow_mounted or None,
        "allow_trailing_data": allow_trailing_data or None,
        "allow_changing_source": allow_changing_source or None,
        "wait": False if no_wait else None,
        "verify": _verify(full=verify, sample=verify_sample),
        "verify_sample": verify_sample,
    }
    flags |= {name: flags[name] or None for name in EMPTY_IS_NOT_GIVEN}
    yes_public = flags.pop("yes_public")
    loaded = settings_from_flags(source, flags=flags, environ=os.environ, config=config)
    show_warnings(loaded, invocation_of(context))
    require_public_is_meant(loaded.settings, yes=yes_public)
    require_zones_to_wait_for(loaded.settings, waits=bool(flags["fast_restore_wait"]))
    if dry_run:
        return plan_and_report(loaded.settings, invocation_of(context))
    from bulkput.cli.outcomes import run_and_report  # noqa: PLC0415 - not for --help

    return run_and_report(loaded.settings, invocation_of(context), _as_object)


def _verify(*, full: bool, sample: str | None) -> str | None:
    """Return how much is read back.

    Raises:
        UsageError: all and a sample.
    """
    if full and sample is not None:
        raise UsageError("--verify and --verify-sample exclude each other.")
    if full:
        return "full"
    return None if sample is None else "sample"


def _as_object(outcomes: Sequence[VolumeOutcome], _: float) -> dict[str, Any]:
    (outcome,) = outcomes
    return outcome.as_dict()
