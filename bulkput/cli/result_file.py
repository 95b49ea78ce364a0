"""``--result``: the JSON object of a run in a file, whatever the end.

Owns that the file is whole or not there: an old one is removed at the start, and the new one gets
its name when all of it is written.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from bulkput.cli.failure import explain
from bulkput.cli.options import PATH
from bulkput.cli.streams import ResultNotWrittenError
from bulkput.model.errors import UsageError
from bulkput.observe.result import as_json, failure_object

if TYPE_CHECKING:
    from bulkput.model.outcome import VolumeOutcome

result_option = click.option(
    "--result",
    "result",
    type=PATH,
    metavar="FILE",
    help="Write the JSON object to this file too, whole, however the run ends.",
)


class ResultFile:
    """Takes the result of a run, or what is known of it when the run breaks off."""

    def __init__(self, path: Path | None) -> None:
        """Remove what an earlier run left at ``path``; None is no file.

        Raises:
            UsageError: nothing can be written there.
        """
        self._path = path
        self.outcomes: Sequence[VolumeOutcome] = ()
        """Of all volumes, for a run that breaks off."""
        self.job: Mapping[str, str] = {}
        """Its name and id, once they are known."""
        if path is None:
            return
        try:
            path.unlink(missing_ok=True)
            self._opened().close()
            self._new.unlink()
        except OSError as error:
            raise UsageError(f"--result {path}: cannot be written: {error.strerror}") from None

    @property
    def _new(self) -> Path:
        path = self._path or Path()
        return path.with_name(f".{path.name}.{os.getpid()}.new")

    def _opened(self) -> TextIO:
        """Make the new file; what another user has laid in its place, such as a link, goes."""
        self._new.unlink(missing_ok=True)
        return self._new.open("x", encoding="ascii")

    def write(self, content: dict[str, Any]) -> None:
        """Make ``content`` the whole of the file, durably.

        Raises:
            ResultNotWrittenError: it cannot be written.
        """
        if self._path is None:
            return
        try:
            with self._opened() as file:
                file.write(as_json(content))
                file.flush()
                os.fsync(file.fileno())
            self._new.replace(self._path)
        except OSError as error:
            with suppress(OSError):
                self._new.unlink(missing_ok=True)
            raise ResultNotWrittenError(str(self._path), error) from error


@contextmanager
def result_file(path: Path | None) -> Iterator[ResultFile]:
    """Give a file for the result; if the run breaks off, write what became of it until then.

    Raises:
        UsageError: nothing can be written there.
    """
    file = ResultFile(path)
    try:
        yield file
    except (click.exceptions.Exit, ResultNotWrittenError, BrokenPipeError):
        raise
    except BaseException as error:
        failure = explain(error, os.environ)
        content = dict(file.job) | failure_object(
            failure.sentence, exit_code=failure.status, snapshot_id=failure.snapshot_id
        )
        volumes = [outcome.as_dict() for outcome in file.outcomes]
        with suppress(ResultNotWrittenError):  # the first error is the one to report
            file.write(content | {"volumes": volumes})
        raise
