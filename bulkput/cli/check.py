"""``bulkput check``: everything that an upload needs, looked at before it begins."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulkput.cli.command import Command
from bulkput.cli.failure import gravest
from bulkput.cli.job_options import choice_options, load_job_or_flags, shard_option
from bulkput.cli.options import (
    invocation_of,
    observe_options,
    service_options,
    shown_options,
    state_option,
)
from bulkput.cli.streams import write_message, write_result
from bulkput.cli.text import shown
from bulkput.observe.result import OutputForm, as_json
from bulkput.observe.run_events import ResultKnown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bulkput.api.check import Finding


@click.command(cls=Command)
@click.argument("config", required=False, type=click.Path(path_type=Path))
@choice_options
@shard_option
@state_option
@service_options
@observe_options
@shown_options
@click.pass_context
def check(
    context: click.Context,
    /,
    config: Path | None,
    **flags: Any,
) -> int:
    """Check everything that an upload needs.

    Nothing is changed anywhere. With CONFIG, its sources and settings are checked too. The exit
    code is that of the most serious failure; warnings leave it at 0.
    """
    from bulkput.api.check import CheckStatus, check_job, worst  # noqa: PLC0415 - not for --help
    from bulkput.cli.shown_run import Ending, run_shown  # noqa: PLC0415 - the same

    invocation = invocation_of(context)
    settings = load_job_or_flags(config, None, flags, invocation).settings

    def result_of(findings: "Sequence[Finding]") -> dict[str, Any]:
        failures = [each for each in findings if each.status is CheckStatus.FAILURE]
        names = ", ".join(each.name for each in failures)
        return {
            "status": str(worst(findings)),
            "checks": [each.as_dict() for each in findings],
            "error": f"an upload would fail: {names}" if failures else None,
            "exit_code": gravest(each.exit_code for each in failures),
        }

    def ending_of(findings: "Sequence[Finding]") -> Ending:
        result = result_of(findings)
        return Ending(result["exit_code"], ResultKnown(result))

    findings = run_shown(
        lambda _: check_job(settings, settings.volumes),
        settings,
        invocation,
        ending_of,
        volume_count=0,
    )
    result = result_of(findings)
    if invocation.output is OutputForm.JSON:
        write_result(as_json(result))
    else:
        write_result(_text(findings))
    if result["error"]:
        write_message(f"bulkput: error: {shown(result['error'])}")
    return int(result["exit_code"])


def _text(findings: "Sequence[Finding]") -> str:
    """Return a line for each finding, and one below it with what to do."""
    width = max(len(each.name) for each in findings)
    lines = []
    for each in findings:
        lines.append(f"{each.status:<7}  {each.name:<{width}}  {shown(each.what)}")
        if each.advice:
            lines.append(f"{'':<7}  {'':<{width}}  -> {shown(each.advice)}")
    return "".join(f"{line}\n" for line in lines)
