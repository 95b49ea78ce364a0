"""Writing to stdout and stderr so that a closed pipe or a full disk ends in no traceback.

Owns the two streams of the process. Everything for people goes to stderr, the result to stdout.
"""

import os
import sys
from contextlib import suppress

import click

from bulkput.model.errors import BulkputError
from bulkput.model.exit_code import ExitCode


class ResultNotWrittenError(BulkputError):
    """The result could not be written to stdout, such as on a full disk."""

    exit_code = ExitCode.UNEXPECTED


def write_result(text: str) -> None:
    """Write ``text`` to stdout, all of it.

    Raises:
        BrokenPipeError: nobody reads stdout any more; it leads to nowhere from now on.
        ResultNotWrittenError: any other reason.
    """
    try:
        click.echo(text, nl=False)
        flush_result()
    except BrokenPipeError:
        raise
    except OSError as error:
        _lead_nowhere()
        raise ResultNotWrittenError(f"stdout: {error.strerror}") from error


def flush_result() -> None:
    """Flush stdout now, because Python's own flush at exit can only complain.

    Raises:
        BrokenPipeError: nobody reads stdout any more; it leads to nowhere from now on.
    """
    if sys.stdout is None:  # started with stdout closed
        return
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _lead_nowhere()
        raise


def tell(text: str) -> None:
    """Write ``text`` and a line feed to stderr, or nowhere if stderr is gone."""
    with suppress(OSError, ValueError):
        click.echo(text, err=True)


def _lead_nowhere() -> None:
    """Point stdout at nothing, so that what it still buffers does not fail again at exit."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
