"""The sinks of ``--metrics-listen`` and ``--metrics-textfile``: counters for Prometheus.

Owns the names; ``METRICS`` is all of them, and the manual's table and the dashboard's test read it.
Imported only where metrics are asked for: prometheus-client is an extra.
"""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry, make_wsgi_app, write_to_textfile
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from bulkput.model.events import VolumeStarted
from bulkput.model.latencies import merged
from bulkput.model.progress import CallCounts, Progress
from bulkput.observe.board import Board
from bulkput.observe.metrics_server import serve_scrapes
from bulkput.observe.run_events import RunEnded, RunEvent

TEXTFILE_INTERVAL_S = 5.0
"""node_exporter is scraped every 15 s or more rarely."""

BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""A put takes some 0.1 s in its own Region; attempts are given up after 20 s."""


class Description(NamedTuple):
    """A metric as it is documented."""

    kind: str
    labels: tuple[str, ...]
    help: str


METRICS = {
    "bulkput_volumes": Description("gauge", ("state",), "Volumes of the job by state"),
    "bulkput_volume_size_blocks": Description("gauge", ("volume",), "Blocks of the source"),
    "bulkput_volume_on_host": Description(
        "gauge", ("volume", "host"), "1 for the host of a fleet that works, or worked last, on it"
    ),
    "bulkput_blocks": Description(
        "counter", ("volume", "kind"), "Blocks by what became of them; a block is 512 KiB"
    ),
    "bulkput_requests": Description("counter", ("volume", "call"), "Puts and gets sent"),
    "bulkput_retries": Description("counter", ("volume", "call"), "Puts and gets repeated"),
    "bulkput_throttles": Description("counter", ("volume", "call"), "Puts and gets throttled"),
    "bulkput_failures": Description("counter", ("volume", "failure"), "Failed attempts by class"),
    "bulkput_request_duration_seconds": Description(
        "histogram", ("call",), "Time of puts and gets that succeeded"
    ),
    "bulkput_requests_in_flight": Description("gauge", ("volume",), "Puts and gets under way"),
    "bulkput_allowed_requests_per_second": Description(
        "gauge", ("volume",), "Rate that the pacer allows"
    ),
}

_KINDS = {
    "put": "blocks_put",
    "resumed": "blocks_resumed",
    "skipped_zero": "blocks_skipped_zero",
    "skipped_hole": "blocks_skipped_hole",
    "unchanged": "blocks_unchanged",
    "verified": "blocks_verified",
    "restored": "blocks_restored",
}
_CALLS = ("put", "get")

_log = logging.getLogger(__name__)


class MetricsSink:
    """A Sink whose counters a scrape reads; it writes to ``textfile`` if there is one."""

    def __init__(self, textfile: Path | None, interval_s: float | None) -> None:
        self.registry = CollectorRegistry()
        self._textfile = textfile
        self._interval_s = interval_s or TEXTFILE_INTERVAL_S
        self._due_s = float("-inf")
        self._board = Board()
        self._volumes: dict[str, Progress] = {}
        self._lock = threading.Lock()
        self._has_ended = False
        """The file stays behind: what was cut short does not run, it waits for the next run."""
        collector: Any = self  # which is asked for `collect` alone
        self.registry.register(collector)

    def listen(self, host: str, port: int) -> int:
        """Serve scrapes from a thread of their own; returns the port.

        Raises:
            OSError: the address cannot be had.
        """
        return serve_scrapes(make_wsgi_app(self.registry), host, port)

    def on_event(self, event: RunEvent) -> None:
        with self._lock:
            if isinstance(event, VolumeStarted):
                self._volumes[event.progress.volume] = event.progress
            self._has_ended |= isinstance(event, RunEnded)
            self._board.apply(event, time.monotonic())

    def tick(self, now_s: float) -> None:
        if self._textfile is not None and now_s >= self._due_s:
            self._due_s = now_s + self._interval_s
            self._write(self._textfile)

    def close(self, now_s: float) -> None:
        self._due_s = now_s
        self.tick(now_s)

    def _write(self, path: Path) -> None:
        try:
            write_to_textfile(str(path), self.registry)
        except OSError as error:
            self._textfile = None
            _log.warning("metrics are not written any more: %s", error)

    def collect(self) -> Iterator[Metric]:
        """Yield every metric as it is now."""
        with self._lock:
            volumes = list(self._volumes.values())
            job = self._board
            running = 0 if self._has_ended else len(job.figures(time.monotonic()))
            in_flight = [((v.volume,), 0 if self._has_ended else v.in_flight) for v in volumes]
            states = {"completed": job.completed, "failed": job.failed, "running": running}
            states["waiting"] = max(0, job.volume_count - sum(states.values()))
        yield _gauge("bulkput_volumes", [((state,), count) for state, count in states.items()])
        yield _gauge("bulkput_volume_size_blocks", [((v.volume,), v.blocks_total) for v in volumes])
        yield _gauge("bulkput_requests_in_flight", in_flight)
        on_host = [((v.volume, v.host), 1) for v in volumes if v.host is not None]
        yield _gauge("bulkput_volume_on_host", on_host)
        allowed = [((v.volume,), v.allowed_per_s) for v in volumes if v.allowed_per_s]
        yield _gauge("bulkput_allowed_requests_per_second", allowed)
        kinds = [
            ((v.volume, kind), getattr(v, name)) for v in volumes for kind, name in _KINDS.items()
        ]
        yield _counter("bulkput_blocks", kinds)
        for name, attribute in (
            ("bulkput_requests", "attempted"),
            ("bulkput_retries", "retried"),
            ("bulkput_throttles", "throttled"),
        ):
            counts = [
                ((v.volume, call), getattr(_counts(v, call), attribute))
                for v in volumes
                for call in _CALLS
            ]
            yield _counter(name, counts)
        failures = [
            ((v.volume, failure), count)
            for v in volumes
            for failure, count in list(v.failures.items())
        ]
        yield _counter("bulkput_failures", failures)
        yield _durations(volumes)


_Samples = Sequence[tuple[tuple[str, ...], float]]


def _gauge(name: str, samples: _Samples) -> Metric:
    family = GaugeMetricFamily(name, METRICS[name].help, labels=METRICS[name].labels)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


def _counter(name: str, samples: _Samples) -> Metric:
    family = CounterMetricFamily(name, METRICS[name].help, labels=METRICS[name].labels)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


def _durations(volumes: Sequence[Progress]) -> Metric:
    name = "bulkput_request_duration_seconds"
    family = HistogramMetricFamily(name, METRICS[name].help, labels=METRICS[name].labels)
    for call in _CALLS:
        latencies = merged(_counts(volume, call).latencies for volume in volumes)
        buckets = list(zip(map(str, BUCKETS_S), latencies.at_most(BUCKETS_S), strict=True))
        family.add_metric([call], [*buckets, ("+Inf", latencies.count)], latencies.total_s)
    return family


def _counts(progress: Progress, call: str) -> CallCounts:
    return progress.puts if call == "put" else progress.gets
