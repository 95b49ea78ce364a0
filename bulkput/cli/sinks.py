"""The sinks that write to files: what is configured is opened."""

import os
from pathlib import Path

from bulkput.cli.options import Invocation
from bulkput.cli.text import write_message_line
from bulkput.config.observe import ObserveSettings
from bulkput.config.settings import JobSettings
from bulkput.ledger.folder import default_state_dir
from bulkput.model.errors import ConfigError, Problem
from bulkput.observe.line_file import LineFile
from bulkput.observe.run_events import Sink
from bulkput.observe.run_file import RunFile
from bulkput.observe.whole_file import require_writable


def open_files(observe: ObserveSettings, invocation: Invocation) -> list[Sink]:
    """Open the sinks that ``observe`` asks for; the first is to be closed last.

    Raises:
        ConfigError: one of them cannot be written.
    """
    interval_s, verb = observe.progress_interval_s, invocation.verb
    sinks: list[Sink] = []
    if observe.report is not None:
        sinks.append(_report(observe.report, observe, invocation))
    if observe.events is not None:
        from bulkput.observe.event_stream import EventStream  # noqa: PLC0415 - who asks for it

        file = _line_file("observe.events", observe.events)
        sinks.append(EventStream(file, verb=verb, interval_s=interval_s, environ=os.environ))
    if observe.log_file is not None:
        from bulkput.observe.log_file import LogFile  # noqa: PLC0415 - the same

        file = _line_file("observe.log_file", observe.log_file)
        sinks.append(LogFile(file, verb=verb, interval_s=interval_s, environ=os.environ))
    if observe.metrics_listen is not None or observe.metrics_textfile is not None:
        sinks.append(_metrics(observe))
    return sinks


def run_file(settings: JobSettings, invocation: Invocation) -> Sink:
    """Return the sink that keeps how fast the run is, for ``bulkput jobs``."""
    from bulkput.api.status import OwnRunFile  # noqa: PLC0415 - numpy is not for --help

    observe = settings.observe
    file = OwnRunFile(settings.state_dir or default_state_dir(os.environ))
    head = {
        "process_id": os.getpid(),
        "job_id": None if settings.request is None else settings.request.identity.job_id,
        "verb": invocation.verb,
        "events": str(observe.events.absolute()) if isinstance(observe.events, Path) else None,
    }
    return RunFile(head, file.write, file.remove)


def _report(path: Path, observe: ObserveSettings, invocation: Invocation) -> Sink:
    try:
        from bulkput.observe.report.sink import ReportSink  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        text = "a report needs matplotlib and Jinja2: pip install 'bulkput[report]'"
        raise ConfigError((Problem("observe.report", text),)) from error
    try:
        require_writable(path)
    except OSError as error:
        text = f"{path} cannot be written: {error.strerror}"
        raise ConfigError((Problem("observe.report", text),)) from error
    return ReportSink(
        path,
        verb=invocation.verb,
        environ=os.environ,
        runs=invocation.reported,
        warn=_nobody if observe.events_to_stderr else write_message_line,
    )


def _nobody(_: str) -> None:
    """Where stderr is a program's to read."""


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
