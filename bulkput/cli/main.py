"""The ``bulkput`` command: its verbs, and how it ends.

Owns the way from any exception to one sentence and an exit code. Each verb is imported only when
it is named, so that ``--help`` stays fast.
"""

import gc
import os
import signal
import sys
from contextlib import suppress
from functools import partial
from importlib import import_module
from types import FrameType
from typing import NoReturn

import click

from bulkput.cli.command import HELP_WIDTH_MAX_COLUMNS, Group
from bulkput.cli.completion import QUESTION, answer_shell
from bulkput.cli.failure import Failure, explain
from bulkput.cli.help_contents import COMMAND_SECTIONS
from bulkput.cli.options import Invocation
from bulkput.cli.resumption import report_resumption
from bulkput.cli.streams import (
    ResultNotWrittenError,
    abandon_result,
    flush_result,
    hold_streams,
    write_message,
    write_result,
)
from bulkput.cli.version import version_options
from bulkput.model.exit_code import ExitCode
from bulkput.observe.plain import plain
from bulkput.observe.result import OutputForm, as_json, failure_object

VERBS = {
    "init": "Write an example of a job file, or an IAM policy, to start from.",
    "run": "Run the migration job of a YAML file.",
    "fleet": "Run a job on many machines, by a Ray cluster.",
    "upload": "Turn one disk into a snapshot.",
    "publish": "Make of completed snapshots what a job asks for: images, copies, shares.",
    "image": "Register images of snapshots, and list and prune those of a family.",
    "copy": "Copy a completed snapshot to another Region or account.",
    "plan": "Show what an upload would put, and what that costs.",
    "check": "Check everything that an upload needs.",
    "bench": "Measure what this host can do, in less than a minute and without an account.",
    "verify": "Compare a snapshot with its source, its manifest, or both.",
    "download": "Write a snapshot to a file or a block device.",
    "diff": "List the blocks that differ between two snapshots.",
    "status": "Show how far a job is.",
    "report": "Make a report from the events of one or more runs.",
    "jobs": "List jobs and uploads that are unfinished.",
    "abort": "Give up an unfinished upload: delete its snapshot and state.",
    "gc": "Find pending snapshots whose ledgers are lost.",
    "ledger": "Show and check ledgers: what is known to be in a snapshot.",
    "store": "Show, check and clear up a state store.",
    "manifest": "Show and check manifests: what a completed snapshot contains.",
    "config": "Check, show and describe job files.",
    "emulator": "Serve the EBS direct API on this machine.",
    "install-service": "Make a job a service of systemd, and of its timer.",
    "completion": "Print the script that completes the command line in a shell.",
    "help": "Show the manual, the help of a command, or a key of the job file.",
}
"""Each verb is the command of its own name in ``bulkput.cli.<verb>``."""

NOBODY_READS = 128 + signal.SIGPIPE
"""What a program that SIGPIPE ends would give; Python ignores that signal."""

INTERRUPTED = 128 + signal.SIGINT
_IMPORTS = "importlib._bootstrap"

_HELP_INSTEAD = getattr(click.exceptions, "NoArgsIsHelpError", ())
"""Since click 8.2 a group without a command is an error whose text is the help."""


def _imported(verb: str) -> click.Command:
    """Return the command of a verb: of its module, by its name."""
    name = verb.replace("-", "_")
    command: click.Command = getattr(import_module(f"bulkput.cli.{name}"), name)
    return command


class _Verbs(Group):
    """A group whose commands are imported when they are called, and listed from the table."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in VERBS:
            return None
        return _imported(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        for title, names in COMMAND_SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, VERBS[name]) for name in names if name in VERBS])


@click.group(
    cls=_Verbs,
    invoke_without_command=True,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": HELP_WIDTH_MAX_COLUMNS,
    },
)
@version_options
@click.pass_context
def cli(context: click.Context, *, verbose: bool) -> None:  # noqa: ARG001 - read by --version
    """Turn disks into EBS snapshots through the EBS direct APIs, and prove every byte.

    bulkput help lists the manual's topics, bulkput COMMAND --help shows a command's flags.
    """
    if context.invoked_subcommand is None:
        write_message(context.get_help())
        context.exit(ExitCode.USAGE)


def main(args: list[str] | None = None) -> NoReturn:
    """Run the command line and leave the process with its exit code."""
    # Importing makes no garbage, and looking for some cost 0.13 s of the 0.85 s that an upload of
    # one block takes. The event loop brings the collector back.
    gc.disable()
    # pydantic looks through all that is installed for plugins, which have no business here: 10 ms.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")
    hold_streams()
    if QUESTION in os.environ:
        answer_shell(cli)
    invocation = Invocation()
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, partial(_interrupt, invocation))
    try:
        status = status_of(sys.argv[1:] if args is None else args, invocation)
    except KeyboardInterrupt:  # once more, while the first one was reported
        status = INTERRUPTED
    gc.freeze()  # nor is there any use in looking through what ends with the process
    sys.exit(status)


def _interrupt(invocation: Invocation, _: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt; or, while something is imported, report it and leave at once.

    Within an import Python drops an exception here and there (callbacks of weak references), and
    makes another one of it elsewhere (``__set_name__``).

    Raises:
        KeyboardInterrupt: nothing is imported now.
    """
    interrupt = KeyboardInterrupt()
    while frame is not None:
        if frame.f_globals.get("__name__") == _IMPORTS:
            try:
                _report_failure(explain(interrupt, os.environ), invocation)
            finally:
                os._exit(INTERRUPTED)
        frame = frame.f_back
    raise interrupt


def status_of(args: list[str], invocation: Invocation | None = None) -> int:
    """Run the command line; every exception becomes a sentence on stderr and an exit code."""
    invocation = invocation or Invocation()
    # numpy's BLAS would start a thread a core that nothing here uses: 40 ms of CPU; where it may
    # start none (`ulimit -u`) it sends SIGINT.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        # Not click's own main(): it turns a closed pipe and Ctrl-C into exit code 1.
        with cli.make_context("bulkput", list(args), obj=invocation) as context:
            status: object = cli.invoke(context)
        flush_result()
    except click.exceptions.Exit as leave:  # after help and version, which click has flushed
        return leave.exit_code
    except BrokenPipeError:
        abandon_result()
        return NOBODY_READS
    except click.ClickException as error:
        return _report_usage(error)
    except BaseException as error:  # noqa: BLE001 - the last place: nobody sees a traceback unasked
        return _report_failure(explain(error, os.environ), invocation)
    return status if isinstance(status, int) else int(ExitCode.DONE)


def _report_usage(error: click.ClickException) -> int:
    """Report what is wrong with the command line, and where its help is."""
    if isinstance(error, _HELP_INSTEAD):
        write_message(error.format_message())
    else:
        context = error.ctx if isinstance(error, click.UsageError) else None
        where = f" Try '{context.command_path} --help'." if context else ""
        write_message(f"bulkput: error: {plain(error.format_message())}{where}")
    return int(ExitCode.USAGE)


def _report_failure(failure: Failure, invocation: Invocation) -> int:
    """Report what went wrong to people and, with ``--output json``, to the script."""
    if invocation.verbose:
        for text in failure.details:
            write_message(text)
    write_message(f"bulkput: error: {failure.sentence}")
    # The snapshot is one that was asked about: what an upload began is in its outcome.
    report_resumption(failure.status, is_mendable=failure.snapshot_id is not None)
    if invocation.output is OutputForm.JSON:
        content = failure_object(
            failure.sentence, exit_code=failure.status, snapshot_id=failure.snapshot_id
        )
        with suppress(OSError, ResultNotWrittenError):  # the exit code already says that it failed
            write_result(as_json(content))
    return failure.status
