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
    if observe.metrics_listen is not None or observe.metrics_textfile is not None:
        sinks.append(_metrics(observe))
    return sinks


def _metrics(observe: ObserveSettings) -> Sink:
    try:
        from bulkput.observe.metrics import MetricsSink  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        text = "metrics need prometheus-client: pip install 'bulkput[metrics]'"
        raise ConfigError((Problem("observe", text),)) from error
    sink = MetricsSink(observe.metrics_textfile, observe.progress_interval_s)
    if observe.metrics_listen is not None:
        host, _, port = observe.metrics_listen.rpartition(":")
        try:
            sink.listen(host, int(port))
        except (OSError, OverflowError) as error:
            text = f"{observe.metrics_listen} cannot be listened on: {error}"
            raise ConfigError((Problem("observe.metrics_listen", text),)) from error
    return sink


def _line_file(key: str, place: Path | str) -> LineFile:
    try:
        return LineFile(place)
    except OSError as error:
        problem = Problem(key, f"{place} cannot be written: {error.strerror}")
        raise ConfigError((problem,)) from error
