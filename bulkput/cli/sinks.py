"""The sinks that write to files: what is configured is opened."""

import os
from pathlib import Path

from bulkput.config.observe import ObserveSettings
from bulkput.model.errors import ConfigError, Problem
from bulkput.observe.event_stream import EventStream
from bulkput.observe.line_file import LineFile
from bulkput.observe.log_file import LogFile
from bulkput.observe.run_events import Sink


def open_files(observe: ObserveSettings, verb: str) -> list[Sink]:
    """Open the sinks that ``observe`` asks for.

    Raises:
        ConfigError: one of them cannot be written.
    """
    interval_s = observe.progress_interval_s
    sinks: list[Sink] = []
    if observe.events is not None:
        file = _line_file("observe.events", observe.events)
        sinks.append(EventStream(file, verb=verb, interval_s=interval_s, environ=os.environ))
    if observe.log_file is not None:
        file = _line_file("observe.log_file", observe.log_file)
        sinks.append(LogFile(file, verb=verb, interval_s=interval_s, environ=os.environ))
    return sinks


def _line_file(key: str, place: Path | str) -> LineFile:
    try:
        return LineFile(place)
    except OSError as error:
        problem = Problem(key, f"{place} cannot be written: {error.strerror}")
        raise ConfigError((problem,)) from error
