"""A fleet of one machine beside `run`: time, CPU and memory, and what of them is Ray's own."""

import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks import sources
from benchmarks.bench import Bench
from benchmarks.measure.process import ChildFailedError
from benchmarks.measure.summary import rotated, spread
from benchmarks.measure.tree import Tree
from benchmarks.report.result import CaseResult, Figure
from benchmarks.servers.emulator import Emulator
from bulkput.model.block import BLOCK_SIZE_BYTES

_BLOCKS = 64
_VOLUMES = (1, 4, 8)
"""At a time, where memory is measured."""
_BLOCKS_OF_MEMORY = 500
_PUTS_PER_S_A_VOLUME = 15.0
"""So slow that all of them are at work for a while."""
_MEMORY_EVERY_S = 1.0
_SAMPLE_S = 0.02
_TIMEOUT_S = 120
_MIB = 1 << 20

_VOLUME = "volumes' processes"
_KINDS = (
    ("raylet/raylet", "raylet"),  # its line has those of what it starts
    ("bulkput.fleet.volume_process", _VOLUME),
    ("ray::QuotaActor", "the quota's actor"),
    ("ray::Mailbox", "the run's actor"),
    ("ray::DashboardAgent", "Ray's agents"),
    ("ray::RuntimeEnvAgent", "Ray's agents"),
    ("ray::IDLE", "Ray's idle processes"),
    ("ray::", "volumes' tasks"),
    ("default_worker.py", "Ray's idle processes"),
    ("gcs/gcs_server", "Ray's head: gcs_server"),
    ("log_monitor.py", "Ray's log monitor"),
    ("autoscaler/_private/monitor.py", "Ray's head: monitor"),
    ("dashboard/dashboard.py", "Ray's head: API server"),
)
"""By what is in a command line, the first that fits; the driver is what is left."""

_WHAT = ("run", "fleet run", "bare Ray")
_BARE = _WHAT[2]
_BARE_RAY = """
import logging, os, pathlib, tempfile
os.environ["RAY_AUTH_TOKEN"] = "0" * 64
from bulkput.fleet.connection import own_cluster
from bulkput.fleet.extra import load_ray
ray = load_ray()
with tempfile.TemporaryDirectory(dir="/tmp") as folder:
    options = own_cluster(pathlib.Path(folder))
    ray.init(log_to_driver=False, logging_level=logging.ERROR, **options)
    ray.get(ray.remote(num_cpus=0)(lambda: 0).remote())
    ray.shutdown()
"""
"""What Ray alone takes: a cluster and one task, with the options of a fleet of one volume."""


def run(bench: Bench) -> CaseResult:
    source = sources.random_file(bench.folder, _BLOCKS * BLOCK_SIZE_BYTES)
    runs: list[dict[str, Any]] = []
    with Emulator(
        bench.new_folder("emulator"), bench.authority, is_tls=False, latency_ms=0
    ) as emulator:
        for number in range(bench.options.rounds):
            for what in rotated(_WHAT, number):
                runs.append(_timed(bench, emulator, source, what))
                bench.log(f"round {number + 1}: {runs[-1]}")
    large = sources.random_file(bench.folder, _BLOCKS_OF_MEMORY * BLOCK_SIZE_BYTES)
    memory = [_memory(bench, large, count) for count in _VOLUMES]
    return _result(bench, runs, memory)


def _kind_of(command: str) -> str:
    return next((kind for part, kind in _KINDS if part in command), "the driver")


def _job(bench: Bench, url: str, sources_: list[Path], puts_per_s: float | None = None) -> Path:
    folder = bench.new_folder("job")
    job = {
        "version": 1,
        "name": "fleet",
        "endpoint": url,
        "state_dir": str(folder / "state"),
        "fleet": {"volumes_per_host": len(sources_)},
        "tuning": {} if puts_per_s is None else {"puts_per_s_account": puts_per_s},
        "volumes": [
            {"name": f"volume-{number}", "source": str(each)}
            for number, each in enumerate(sources_)
        ],
    }
    path = folder / "job.yaml"  # JSON is YAML 1.2
    path.write_text(json.dumps(job))
    return path


def _command(what: str, job: Path) -> list[str]:
    if what == _BARE:
        return [sys.executable, "-c", _BARE_RAY]
    words = ["fleet", "run", "--address", "local"] if what == "fleet run" else ["run"]
    return [sys.executable, "-m", "bulkput", *words, str(job), "--quiet"]


def _timed(bench: Bench, emulator: Emulator, source: Path, what: str) -> dict[str, Any]:
    """Run one upload to its end; return wall and CPU seconds, and when the first put was stored."""
    before = emulator.stats()["blocks_stored"]
    first_put_s = None
    with bench.start(_command(what, _job(bench, emulator.url, [source])), "client") as child:
        tree = Tree(child.pid, _kind_of)
        while not child.ended_within(_SAMPLE_S):
            tree.count()
            if first_put_s is None and emulator.stats()["blocks_stored"] > before:
                first_put_s = time.time() - child.started_unix_s
        usage = child.wait(_TIMEOUT_S)
    if first_put_s is None and what != _BARE:
        raise ChildFailedError(f"{what} put nothing")
    return {
        "what": what,
        "wall_s": usage.wall_s,
        "cpu_s": sum(tree.cpu_s().values()),
        "cpu_s_by_kind": tree.cpu_s(),
        "first_put_s": first_put_s,
    }


def _memory(bench: Bench, source: Path, count: int) -> dict[str, Any]:
    """Return the memory by kind at the moment at which all volumes are at work and have most."""
    rate = _PUTS_PER_S_A_VOLUME * count
    peak: Counter[str] = Counter()
    with Emulator(
        bench.new_folder("emulator"), bench.authority, is_tls=False, latency_ms=0
    ) as emulator:
        job = _job(bench, emulator.url, [source] * count, rate)
        with bench.start(_command("fleet run", job), "client") as child:
            tree = Tree(child.pid, _kind_of)
            while not child.ended_within(_MEMORY_EVERY_S):
                now = tree.pss_bytes()
                if (now[_VOLUME], now.total()) > (peak[_VOLUME], peak.total()):
                    peak = now
            child.wait(_TIMEOUT_S)
    if not peak:
        raise ChildFailedError("nothing was seen of the fleet")
    bench.log(f"{count} volumes: {peak.total() / _MIB:.0f} MiB")
    return {"volumes": count, "pss_bytes": dict(peak)}


def _result(bench: Bench, runs: list[dict[str, Any]], memory: list[dict[str, Any]]) -> CaseResult:
    def of(what: str, key: str) -> float:
        found: list[float] = [each[key] for each in runs if each["what"] == what]
        return spread(found).median

    kinds = sorted(
        {kind for each in memory for kind in each["pss_bytes"]},
        key=lambda kind: -max(each["pss_bytes"].get(kind, 0) for each in memory),
    )
    rows = [
        (kind, *(round(each["pss_bytes"].get(kind, 0) / _MIB, 1) for each in memory))
        for kind in kinds
    ]
    total = ("all", *(round(sum(each["pss_bytes"].values()) / _MIB, 1) for each in memory))
    return CaseResult(
        name="fleet",
        summary=f"One volume of {_BLOCKS} blocks by `run` and by `fleet run --address local`, "
        "alternating, beside a cluster of Ray that runs one task; memory of a fleet (PSS) with "
        f"{', '.join(map(str, _VOLUMES))} volumes of {_BLOCKS_OF_MEMORY} blocks at a time.",
        caveats=(
            "CPU seconds are sampled 50 times a second: not in them is what a process takes last.",
            "The first put is dated by the emulator's counters, to some 30 ms.",
            "The head's processes and the actors are on one host of a cluster only.",
        ),
        figures=tuple(
            Figure(f"{what}: {words}", of(what, key), "s")
            for what in _WHAT
            for key, words in (("wall_s", "wall"), ("cpu_s", "CPU"), ("first_put_s", "first put"))
            if (what, key) != (_BARE, "first_put_s")
        ),
        columns=("memory, MiB", *(f"{count} volumes" for count in _VOLUMES)),
        rows=(*rows, total),
        rounds=bench.options.rounds,
        runs=(*runs, *memory),
    )
