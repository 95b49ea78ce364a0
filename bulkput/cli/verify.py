"""``bulkput verify``: a snapshot is compared with its source, its manifest, or both."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulkput.cli.command import Command
from bulkput.cli.job_options import Choice, choice_options, load_job
from bulkput.cli.options import (
    PATH,
    SOURCE,
    Invocation,
    config_option,
    invocation_of,
    observe_options,
    output_option,
    quiet_option,
    report_option,
    service_options,
    source_options,
    state_option,
    store_option,
    verbose_option,
    with_options,
)
from bulkput.cli.plan import CONFIG_SUFFIXES
from bulkput.cli.ranges import Ranges
from bulkput.cli.service import warn_of_environment
from bulkput.cli.streams import write_message, write_result
from bulkput.cli.text import shown, write_message_line
from bulkput.cli.tuning_options import processes_option, quota_share_option
from bulkput.cli.words import snapshots_and_files
from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.errors import BulkputError, UsageError
from bulkput.model.size import format_size, parse_size_bytes
from bulkput.observe.result import OutputForm
from bulkput.observe.run_events import OutcomeKnown
from bulkput.observe.verbosity import Verbosity
from bulkput.observe.wording import counted

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from bulkput.api.public import VerifyOutcome
    from bulkput.api.verify import VerifyRequest
    from bulkput.config.settings import JobSettings
    from bulkput.model.difference import Difference
    from bulkput.model.events import Observer


_OVERRIDES = {
    "state_dir": "state_dir",
    "state_store": "state_store",
    "region": "region",
    "profile": "profile",
    "endpoint_url": "endpoint",
    "processes": "tuning.processes",
    "quota_share": "tuning.quota_share",
}
"""Keys of a job's file by the names of flags."""

_SEED_MAX = (1 << 32) - 1

_compared_options = with_options(
    click.option(
        "--source",
        type=SOURCE,
        metavar="SOURCE",
        help="Compare every byte with this disk (any SOURCE that bulkput upload accepts).",
    ),
    click.option(
        "--volume-size-gib",
        metavar="SIZE",
        help="Size of the volume; needed for a source whose length is not known in advance.",
    ),
    click.option(
        "--manifest",
        type=PATH,
        metavar="FILE",
        help="Compare with the digests in this manifest. Default without --source: the one in "
        "the state folder.",
    ),
    click.option(
        "--sample",
        metavar="SIZE",
        help="Compare only a random sample of this size, such as 10GiB, of the blocks with data.",
    ),
    click.option(
        "--seed",
        type=click.IntRange(0, _SEED_MAX),
        metavar="NUMBER",
        help="Choose the same sample as the run that reported this seed.",
    ),
)


@click.command(cls=Command)
@click.argument("snapshot", metavar="SNAPSHOT|JOB", shell_complete=snapshots_and_files)
@_compared_options
@choice_options
@source_options
@state_option
@store_option
@config_option
@service_options
@processes_option
@observe_options
@quota_share_option
@report_option
@output_option("What is written to stdout: a line for each range that differs, or one JSON object.")
@quiet_option
@verbose_option("Show every retry, and tracebacks of unexpected errors.")
@click.pass_context
def verify(  # noqa: PLR0913 - flags, each by its name
    context: click.Context,
    /,
    snapshot: str,
    source: str | None,
    manifest: Path | None,
    sample: str | None,
    seed: int | None,
    config: Path | None,
    *,
    allow_backing_file: bool,
    allow_mounted: bool,
    allow_trailing_data: bool,
    **flags: Any,
) -> int:
    """Compare a snapshot with its source, its manifest, or both.

    Every range that differs is reported. The exit code is 7 if anything differs. Of a JOB, a job
    file whose name ends in .yaml or .yml, the snapshot of each volume is compared with its source,
    or with its manifest if the source is gone.
    """
    from bulkput.config.flags import settings_from_flags  # noqa: PLC0415 - not for --help

    if seed is not None and sample is None:
        raise UsageError("--seed goes with --sample")
    choices = {name: flags.pop(name) for name in ("variables", "allow_command", "only", "exclude")}
    if Path(snapshot).suffix.lower() in CONFIG_SUFFIXES:
        if source or manifest or config:
            raise UsageError("--source, --manifest and --config do not go with a JOB")
        overrides = {key: flags[name] for name, key in _OVERRIDES.items()}
        choice = Choice(**choices, overrides=overrides)
        return _verify_job(Path(snapshot), choice, invocation_of(context), sample, seed)
    if Choice(**choices).is_made:
        raise UsageError("--only, --except, --set and --allow-command go with a JOB")
    of_source = {
        "format": flags.pop("format"),
        "allow_backing_file": allow_backing_file or None,
        "allow_mounted": allow_mounted or None,
        "allow_trailing_data": allow_trailing_data or None,
    }
    flags |= of_source if source is not None else {}
    warn_of_environment(invocation_of(context))
    settings = settings_from_flags(source, flags=flags, environ=os.environ, config=config).settings
    from bulkput.api.verify import VerifyRequest  # noqa: PLC0415 - not for --help

    request = VerifyRequest(
        snapshot_id=snapshot,
        volume=next(iter(settings.volumes), None),
        manifest=manifest,
        sample_bytes=_sample_bytes(sample),
        seed=seed,
    )
    return _verify_snapshot(settings, request, invocation_of(context))


def _verify_snapshot(
    settings: "JobSettings", request: "VerifyRequest", invocation: Invocation
) -> int:
    """Compare one snapshot, and show what differs as it is found."""
    from bulkput.api.verify import verify_configured  # noqa: PLC0415 - the same
    from bulkput.cli.shown_run import Ending, run_shown  # noqa: PLC0415 - not for --help

    snapshot = request.snapshot_id
    with Ranges() as ranges:

        def take(difference: "Difference") -> None:
            ranges.add(_facts(difference))

        def main(observer: "Observer") -> "Coroutine[Any, Any, VerifyOutcome]":
            return verify_configured(
                settings, request, on_event=observer.on_event, on_difference=take
            )

        try:
            outcome = run_shown(
                main,
                settings,
                invocation,
                lambda ended: Ending(ended.exit_code, OutcomeKnown(snapshot, ended.as_dict())),
            )
        except BulkputError:
            if invocation.output is OutputForm.TEXT:
                ranges.write_text(_range_text)
            raise
        _report_outcome(outcome, ranges, invocation)
    return outcome.exit_code


def _verify_job(
    job: Path, choice: Choice, invocation: Invocation, sample: str | None, seed: int | None
) -> int:
    from bulkput.api.verify import VerifyRequest, verify_configured  # noqa: PLC0415 - the same
    from bulkput.cli.shown_run import Ending, run_shown  # noqa: PLC0415 - not for --help
    from bulkput.cli.verify_job import VolumeTask, verify_job  # noqa: PLC0415 - the same

    sample_bytes = _sample_bytes(sample)

    def compare(task: VolumeTask) -> "VerifyOutcome":
        request = VerifyRequest(
            snapshot_id=task.snapshot_id,
            volume=task.volume,
            sample_bytes=sample_bytes,
            seed=seed,
        )
        return run_shown(
            lambda observer: verify_configured(task.settings, request, on_event=observer.on_event),
            task.settings,
            invocation,
            lambda ended: Ending(ended.exit_code, OutcomeKnown(task.snapshot_id, ended.as_dict())),
        )

    return verify_job(load_job(job, choice, invocation).settings, compare, invocation)


def _sample_bytes(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        size_bytes = parse_size_bytes(text)
    except ValueError as error:
        raise UsageError(f"--sample: {error}") from error
    if not size_bytes:
        raise UsageError("--sample: expected a size above 0")
    return size_bytes


def _report_outcome(outcome: "VerifyOutcome", ranges: Ranges, invocation: Invocation) -> None:
    if invocation.verbosity is not Verbosity.QUIET:
        for note in outcome.notes:
            write_message_line(note)
    if outcome.error is not None:
        write_message(f"bulkput: error: {shown(str(outcome.error))}")
    if invocation.output is OutputForm.JSON:
        ranges.write_object(outcome.as_dict(), "differences")
    elif ranges.count:
        ranges.write_text(_range_text)
    else:
        write_result(f"{shown(_equal_text(outcome))}\n")


def _equal_text(outcome: "VerifyOutcome") -> str:
    size = format_size(outcome.block_count * BLOCK_SIZE_BYTES)
    what = " and ".join(outcome.compared_with)
    return f"equal: {counted(outcome.block_count, 'block')} ({size}) compared with {what}"


def _facts(difference: "Difference") -> dict[str, Any]:
    """Return the documented JSON object of one range."""
    return {
        "reference": difference.reference,
        "kind": str(difference.kind),
        "first_block": difference.start,
        "block_count": difference.stop - difference.start,
        "first_byte": difference.start * BLOCK_SIZE_BYTES,
        "byte_count": (difference.stop - difference.start) * BLOCK_SIZE_BYTES,
    }


def _range_text(facts: dict[str, Any]) -> str:
    from bulkput.model.difference import Difference, DifferenceKind  # noqa: PLC0415 - numpy

    stop = facts["first_block"] + facts["block_count"]
    kind = DifferenceKind(facts["kind"])
    return Difference(facts["first_block"], stop, kind, facts["reference"]).words
