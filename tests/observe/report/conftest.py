"""Runs in scripted events, as records and as lines of a file."""

import json
from types import SimpleNamespace

import pytest

from bulkput.model.disk_map import BlockFate
from bulkput.model.events import ImageEnded, Noted, PhaseChanged, VolumeEnded, VolumeStarted
from bulkput.model.image_outcome import ImageOutcome
from bulkput.model.outcome import VolumeOutcome
from bulkput.model.progress import Phase, Progress, RateLimiter
from bulkput.observe import recorder as recorder_module
from bulkput.observe.record import line_of
from bulkput.observe.recorder import Recorder
from bulkput.observe.report.read import Streams
from bulkput.observe.run_events import RunConfigured, RunEnded, RunFailed, RunStarted

BEGUN_UNIX_S = 1_795_000_000.0


class ScriptedRun:
    """A run whose clock is the test's."""

    def __init__(self, monkeypatch, *, host="host-1", run="aa01", volume_count=1, verb="run"):
        self.now_s = 0.0
        self.begun_unix_s = BEGUN_UNIX_S
        self._verb, self._run, self.lines = verb, run, []
        self._monkeypatch = monkeypatch
        self._recorder = Recorder(1.0)
        self.take(RunStarted(volume_count, "0.1.0", 4711, host, "nightly", "0a1b"))
        settings = {"region": "eu-west-1", "volumes[0].source.path": "/disks/web.img"}
        prices = {"usd_per_thousand_puts": 0.006, "usd_per_thousand_gets": 0.003}
        self.take(RunConfigured(settings, {"bulkput": "0.1.0"}, {"processors": 2}, prices))

    def take(self, event):
        clock = SimpleNamespace(time=lambda: self.begun_unix_s + self.now_s)
        self._monkeypatch.setattr(recorder_module, "time", clock)
        self._recorder.take(event)
        self._write(last=False)

    def _write(self, *, last):
        head = {"run": self._run, "verb": self._verb}
        for unix_s, fields in self._recorder.records(self.now_s, last=last):
            self.lines.append(line_of(head | fields, unix_s, {}).encode())

    def volume(self, name="web-01", blocks=1000):
        progress = Progress(name, phase=Phase.PREPARING, snapshot_id="snap-0123456789abcdef0")
        progress.begin_blocks(blocks)
        progress.allowed_per_s, progress.limited_by = 995.0, RateLimiter.ACCOUNT_QUOTA
        self.take(VolumeStarted(progress, f"/disks/{name}.img"))
        progress.phase = Phase.UPLOADING
        self.take(PhaseChanged(name, Phase.UPLOADING))
        return progress

    def put(self, progress, count, *, seconds=1, throttled=0):
        for _ in range(seconds):
            self.now_s += 1.0
            start = progress.blocks_put
            progress.disk.add(BlockFate.DATA, start, start + count)
            progress.blocks_put += count
            progress.puts.attempted += count + throttled
            progress.puts.retried += throttled
            progress.puts.throttled += throttled
            progress.in_flight = 10
            if throttled:
                failures = progress.failures
                failures["throttled_account"] = failures.get("throttled_account", 0) + throttled
                progress.disk.add(BlockFate.REPEATED, start)
            for _ in range(count):
                progress.puts.latencies.record(0.1)
            self._write(last=False)

    def end_volume(self, progress, *, error=None, published=None):
        progress.phase = Phase.FAILED if error else Phase.DONE
        outcome = VolumeOutcome(
            volume=progress.volume,
            source=f"/disks/{progress.volume}.img",
            status="failed" if error else "completed",
            snapshot_id=progress.snapshot_id,
            blocks=progress.block_counts,
            puts=progress.put_counts,
            verified=None if error else "full",
            published=published or {},
            error=error,
            exit_code=6 if error else 0,
        )
        self.take(VolumeEnded(outcome))

    def end_image(self, **facts):
        self.take(ImageEnded(ImageOutcome(**facts)))

    def note(self, text):
        self.take(Noted("", text))

    def fail(self, error, code):
        self.take(RunFailed(error, code))
        self.end(code)

    def end(self, code=0):
        self.take(RunEnded(code, self.now_s))
        self._write(last=True)

    @property
    def records(self):
        return [json.loads(line) for line in self.lines]


@pytest.fixture
def scripted(monkeypatch):
    def begin(**facts):
        return ScriptedRun(monkeypatch, **facts)

    return begin


@pytest.fixture
def finished(scripted):
    """A run of one volume of 1000 blocks, all put within ten seconds, some of them throttled."""
    run = scripted()
    progress = run.volume()
    run.put(progress, 100, seconds=5)
    run.put(progress, 100, seconds=5, throttled=3)
    run.end_volume(progress)
    run.end()
    return run


def stories(*runs):
    streams = Streams()
    for number, run in enumerate(runs):
        streams.read(f"events-{number}", run.lines)
    assert streams.warnings == []
    return streams.runs
