"""What verbs without a job share: settings, the state folder, and the event loop of their calls.

Everything heavy is imported inside: a verb pays only for what it does.
"""

import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bulkput.cli.logs import logging_to
from bulkput.cli.options import Invocation
from bulkput.cli.streams import write_message
from bulkput.cli.text import write_message_line
from bulkput.observe.verbosity import Verbosity

if TYPE_CHECKING:
    from bulkput.config.settings import JobSettings

T = TypeVar("T")


def service_of(**flags: object) -> tuple["JobSettings", Path]:
    """Return the settings that flags and environment give, and the state folder.

    Raises:
        ConfigError: with every problem found.
    """
    from bulkput.config.flags import settings_from_flags  # noqa: PLC0415 - not for --help
    from bulkput.ledger.folder import default_state_dir  # noqa: PLC0415 - the same

    found = settings_from_flags(None, flags=flags, environ=os.environ)
    for warning in found.warnings:
        write_message_line(f"warning: {warning}")
    settings = found.settings
    return settings, settings.state_dir or default_state_dir(os.environ)


def warn_of_environment(invocation: Invocation) -> None:
    """Show which variables of the environment look like this program's and are not."""
    from bulkput.config.environment import read_environment  # noqa: PLC0415 - not for --help

    if not invocation.quiet:
        for warning in read_environment(os.environ, Path())[1]:
            write_message_line(f"warning: {warning}")


def call_out(main: Callable[[], Coroutine[Any, Any, T]], invocation: Invocation) -> T:
    """Run ``main``, which calls the service, in an event loop of its own; its log goes to stderr.

    Raises:
        BulkputError: as ``main``.
    """
    from bulkput.api.event_loop import run_in_loop  # noqa: PLC0415 - not for --help

    verbosity = Verbosity.QUIET if invocation.quiet else Verbosity.NORMAL
    with logging_to(lambda line: write_message(line.text), verbosity, os.environ):
        return run_in_loop(main)
