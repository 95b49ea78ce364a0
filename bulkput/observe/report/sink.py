"""The sink of ``--report``: keeps the figures of a run, and writes the page at its end.

Whatever the end. What cannot be written is a warning: the upload is what counts.
"""

import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from bulkput.observe.guarded_sink import GuardedSink
from bulkput.observe.record import stamped
from bulkput.observe.recorder import Recorder
from bulkput.observe.report.page import render
from bulkput.observe.report.story import RunStory
from bulkput.observe.run_events import RunEvent
from bulkput.observe.whole_file import write_whole

_INTERVAL_S = 1.0
"""A short run has some points too; of a long one each is of many."""


class ReportSink(GuardedSink):
    """A Sink that writes a page to ``path`` once the run has ended."""

    close_limit_s = 60.0
    """Drawing takes a second or two, and many times that on a busy machine."""

    def __init__(
        self,
        path: Path,
        *,
        verb: str,
        environ: Mapping[str, str],
        runs: list[RunStory],
        warn: Callable[[str], None],
    ) -> None:
        """Begin a report.

        Args:
            path: Where the page goes.
            verb: The command's name.
            environ: For secrets that are to be masked.
            runs: Earlier ones of the same command, which are in the page too; this one joins them.
            warn: Hears that the page is not written: when the log has ended, too.
        """
        super().__init__()
        self._path = path
        self._head = {"run": secrets.token_hex(6), "verb": verb}
        self._environ = environ
        self._recorder = Recorder(_INTERVAL_S)
        self._story = RunStory(self._head["run"], verb, time.time())
        self._runs = runs
        self._warn = warn
        runs.append(self._story)

    def on_event(self, event: RunEvent) -> None:
        self._recorder.take(event)

    def write_due(self, now_s: float, *, last: bool) -> None:
        for unix_s, fields in self._recorder.records(now_s, last=last):
            self._story.apply(stamped(self._head | fields, unix_s, self._environ))
        if last:
            page = render(self._runs, (), time.time())
            write_whole(self._path, page.encode("utf-8"))

    def give_up(self, error: Exception) -> None:
        self._warn(f"warning: the report {self._path} is not written: {error}")
