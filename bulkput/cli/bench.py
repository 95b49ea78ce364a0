"""``bulkput bench``: what this host can do, and with ``--snapshot`` the service from here."""

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from bulkput.cli.bench_text import host_text, service_text
from bulkput.cli.command import Command
from bulkput.cli.options import (
    SOURCE,
    invocation_of,
    observe_options,
    service_options,
    shown_options,
    state_option,
)
from bulkput.cli.service import warn_of_environment
from bulkput.cli.streams import write_result
from bulkput.model.errors import UsageError
from bulkput.model.events import Noted, Observer
from bulkput.observe.result import OutputForm, as_json
from bulkput.observe.run_events import ResultKnown

if TYPE_CHECKING:
    from bulkput.cli.options import Invocation
    from bulkput.config.settings import JobSettings

_SNAPSHOT_BYTES = 1 << 30
_SNAPSHOT_USD = 0.0123
"""2,048 puts at 0.006 USD per 1,000."""


@click.command(cls=Command)
@click.option(
    "--source",
    type=SOURCE,
    metavar="SOURCE",
    help="Also measure how fast this disk or image is read; it is not changed.",
)
@click.option(
    "--snapshot",
    is_flag=True,
    help="Measure the service instead: upload 1 GiB of random data and delete the snapshot. It "
    "needs credentials and costs about 0.01 USD (us-east-1, autumn 2026).",
)
@click.option("--yes", is_flag=True, help="Do not ask before --snapshot uploads.")
@state_option
@service_options
@observe_options
@shown_options
@click.pass_context
def bench(
    context: click.Context,
    /,
    *,
    source: str | None,
    snapshot: bool,
    yes: bool,
    **flags: Any,
) -> int:
    """Measure what this host can do, in less than a minute and without an account.

    Shows the bottleneck, puts a second, how long 1 TiB takes and what to change. Blocks are put to
    a server on 127.0.0.1 only. With --region or --endpoint-url the way there is measured too. The
    result is kept for the estimates of bulkput plan.
    """
    from bulkput.config.flags import settings_from_flags  # noqa: PLC0415 - not for --help

    invocation = invocation_of(context)
    warn_of_environment(invocation)
    if snapshot:
        if source is not None:
            raise UsageError("--snapshot uploads random data: leave --source out")
        _require_consent(is_given=yes)
        return _measure_service(flags, invocation)
    if yes:
        raise UsageError("--yes goes with --snapshot: nothing else asks")
    settings = settings_from_flags(source, flags=flags, environ=os.environ).settings
    return _measure_host(settings, invocation)


def _require_consent(*, is_given: bool) -> None:
    """Ask before the account is used.

    Raises:
        UsageError: there is nobody to ask, or the answer was no.
    """
    if is_given:
        return
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr and sys.stderr.isatty()):
        raise UsageError("--snapshot uploads 1 GiB to the account: confirm it by --yes")
    question = (
        f"Upload 1 GiB of random data as a snapshot (about {_SNAPSHOT_USD:.2f} USD) and delete it?"
    )
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:  # Ctrl-C or Ctrl-D at the question
        agreed = False
    if not agreed:
        raise UsageError("nothing was uploaded")


def _measure_host(settings: "JobSettings", invocation: "Invocation") -> int:
    from bulkput.api.bench import measure_host  # noqa: PLC0415 - not for --help
    from bulkput.cli.shown_run import Ending, run_shown  # noqa: PLC0415 - the same

    report = run_shown(
        lambda observer: measure_host(settings, _noting(observer)),
        settings,
        invocation,
        lambda found: Ending(0, ResultKnown(found.as_dict())),
        volume_count=0,
    )
    in_json = invocation.output is OutputForm.JSON
    write_result(as_json(report.as_dict()) if in_json else host_text(report))
    return 0


def _measure_service(flags: dict[str, Any], invocation: "Invocation") -> int:
    from bulkput.api.bench import grow, measure_service, private_folder  # noqa: PLC0415 - as above
    from bulkput.cli.shown_run import Ending, run_shown  # noqa: PLC0415 - the same
    from bulkput.config.flags import settings_from_flags  # noqa: PLC0415 - the same

    with private_folder(_SNAPSHOT_BYTES) as folder:
        path = folder / "bench"
        given = flags | {
            "state_dir": flags.get("state_dir") or folder / "state",
            "format": "raw",
            "zeros": "write",
            "wait": False,
            "on_failure": "delete",
            "description": "bulkput bench: deleted at once",
        }
        settings = settings_from_flags(path, flags=given, environ=os.environ).settings
        grow(path, _SNAPSHOT_BYTES)
        report = run_shown(
            lambda observer: measure_service(settings, observer=observer, note=_noting(observer)),
            settings,
            invocation,
            lambda found: Ending(0, ResultKnown(found.as_dict())),
            deleted=(settings.volumes[0].label,),
            announce_ends=False,
        )
    in_json = invocation.output is OutputForm.JSON
    write_result(as_json(report.as_dict()) if in_json else service_text(report))
    return 0


def _noting(observer: Observer) -> Any:
    return lambda text: observer.on_event(Noted("", text))
