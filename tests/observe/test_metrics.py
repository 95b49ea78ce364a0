"""What Prometheus reads of a run, by prometheus-client's own parsers."""

import json
import re
import shutil
import subprocess
import threading
import urllib.request
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain_text
from support.manual import page

from bulkput.model.events import VolumeEnded, VolumeStarted
from bulkput.observe.metrics import METRICS, MetricsSink
from bulkput.observe.run_events import RunEnded, RunStarted

ROOT = Path(__file__).parents[2]


@pytest.fixture
def textfile(tmp_path):
    return tmp_path / "bulkput.prom"


@pytest.fixture
def sink(textfile, progress):
    sink = MetricsSink(textfile, 1.0)
    sink.on_event(RunStarted(3, "0.1.0", 1, "host"))
    sink.on_event(VolumeStarted(progress, "/disks/web.img"))
    progress.blocks_put, progress.puts.attempted = 400, 410
    progress.puts.retried = progress.failures["timeout"] = 7
    progress.allowed_per_s = 995.0
    for _ in range(400):
        progress.puts.latencies.record(0.07)
    return sink


def values(families):
    return {
        (sample.name, frozenset(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


def test_a_scrape_has_every_metric_of_the_table(sink):
    port = sink.listen("127.0.0.1", 0)
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers=accept)
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        families = list(openmetrics(answer.read().decode()))
    sink.close(0.0)
    assert {family.name for family in families} == set(METRICS)
    assert {family.name: family.type for family in families} == {
        name: each.kind for name, each in METRICS.items()
    }
    found = values(families)
    assert found["bulkput_blocks_total", frozenset({"web-01", "put"})] == 400
    assert found["bulkput_retries_total", frozenset({"web-01", "put"})] == 7
    assert found["bulkput_failures_total", frozenset({"web-01", "timeout"})] == 7
    assert found["bulkput_volumes", frozenset({"waiting"})] == 2
    assert found["bulkput_request_duration_seconds_count", frozenset({"put"})] == 400
    assert found["bulkput_request_duration_seconds_bucket", frozenset({"put", "0.05"})] == 0
    assert found["bulkput_request_duration_seconds_bucket", frozenset({"put", "0.1"})] == 400


def test_a_volume_of_a_fleet_has_its_host_and_its_next_one(sink, progress):
    assert ("bulkput_volume_on_host", frozenset({"web-01", "b"})) not in values(
        plain_text(generate_latest(sink.registry).decode())
    )
    for host in ("a", "b"):
        progress.host = host
        found = values(plain_text(generate_latest(sink.registry).decode()))
        hosts = {labels for name, labels in found if name == "bulkput_volume_on_host"}
        assert hosts == {frozenset({"web-01", host})}


def test_what_has_ended_keeps_its_counts(sink, done):
    sink.on_event(VolumeEnded(done))
    found = values(plain_text(generate_latest(sink.registry).decode()))
    assert found["bulkput_blocks_total", frozenset({"web-01", "put"})] == 400
    assert found["bulkput_volumes", frozenset({"completed"})] == 1


def test_after_a_run_that_broke_off_nothing_runs(sink, textfile, progress):
    progress.in_flight = 3
    sink.on_event(RunEnded(130, 1.0))
    sink.close(1.0)
    found = values(plain_text(textfile.read_text()))
    assert found["bulkput_volumes", frozenset({"running"})] == 0
    assert found["bulkput_volumes", frozenset({"waiting"})] == 3
    assert found["bulkput_requests_in_flight", frozenset({"web-01"})] == 0


def test_the_textfile_is_never_half_written(sink, textfile):
    sink.tick(0.0)
    stop, broken = threading.Event(), []

    def read():
        while not stop.is_set():
            text = textfile.read_text()
            if len(list(plain_text(text))) != len(METRICS) or not text.endswith("\n"):
                broken.append(text)

    reader = threading.Thread(target=read)
    reader.start()
    for second in range(1, 100):
        sink.tick(float(second))
    stop.set()
    reader.join(30)
    assert broken == []
    assert [path.name for path in textfile.parent.iterdir()] == [textfile.name]


def test_a_textfile_that_cannot_be_written_stops_nothing(tmp_path, caplog):
    sink = MetricsSink(tmp_path / "missing" / "bulkput.prom", 1.0)
    sink.tick(0.0)
    sink.tick(10.0)
    sink.close(20.0)
    assert caplog.text.count("metrics are not written any more") == 1


def test_every_query_of_the_dashboard_names_a_metric_that_exists():
    dashboard = json.loads((ROOT / "configs" / "grafana" / "bulkput.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    samples = set()
    for name, each in METRICS.items():
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
        samples |= {name + suffix for suffix in suffixes.get(each.kind, ("",))}
    named = [re.findall(r"bulkput_\w+", query) for query in queries]
    assert all(named)
    assert {name for names in named for name in names} <= samples


def test_the_manual_has_every_metric_with_its_labels():
    rows = re.findall(r"^\| `(bulkput_\w+)` \| (\w+) \| (.*?) \|", page("observing"), re.MULTILINE)
    assert {name: (kind, labels) for name, kind, labels in rows} == {
        name: (each.kind, ", ".join(f"`{label}`" for label in each.labels))
        for name, each in METRICS.items()
    }


@pytest.mark.clients
@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool (Debian: prometheus)")
@pytest.mark.parametrize("source", ["scrape", "textfile"])
def test_prometheus_itself_finds_nothing_to_mend(sink, textfile, source):
    port = sink.listen("127.0.0.1", 0)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read()
    sink.close(0.0)
    text = text if source == "scrape" else textfile.read_bytes()
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")
