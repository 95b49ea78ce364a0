"""Writing to stdout and stderr so that a closed pipe or a full disk ends in no traceback.

Owns the two streams of the process. Everything for people goes to stderr, the result to stdout.
"""

import os
import sys
from contextlib import suppress

import click

from bulkput.model.errors import MachineError


class ResultNotWrittenError(MachineError):
    """The result could not be written, such as on a full disk: a rerun reports it again."""

    def __init__(self, place: str, error: OSError) -> None:
        super().__init__(
            f"the result cannot be written to {place}: {error.strerror}. When that is mended, run "
            "the same command again"
        )


def hold_streams() -> None:
    """Lead a standard stream that the process was started without to nowhere.

    Else the next file or socket gets its number, and is written to as if it were the stream;
    libuv aborts when it closes one.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number: those below are taken by now.
            os.open(os.devnull, os.O_RDWR)
            stream = open(number, "r" if number == 0 else "w", closefd=False)  # noqa: SIM115 - held to the end
            setattr(sys, name, stream)


def write_result(text: str) -> None:
    """Write ``text`` to stdout, all of it.

    Raises:
        BrokenPipeError: nobody reads stdout any more; it is abandoned.
        ResultNotWrittenError: any other reason; stdout is abandoned.
    """
    try:
        click.echo(text, nl=False)
        flush_result()
    except BrokenPipeError:
        abandon_result()
        raise
    except OSError as error:
        abandon_result()
        raise ResultNotWrittenError("stdout", error) from error


def flush_result() -> None:
    """Flush stdout now, because Python's own flush at exit can only complain.

    Raises:
        OSError: it cannot be written.
    """
    if sys.stdout is not None:  # None: started with stdout closed
        sys.stdout.flush()


def abandon_result() -> None:
    """Lead stdout to nowhere, so that what it still buffers does not fail again at exit."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def write_message(text: str) -> None:
    """Write ``text`` and a line feed to stderr, or nowhere if stderr is gone."""
    with suppress(OSError, ValueError):
        click.echo(text, err=True)
