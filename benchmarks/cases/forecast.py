"""What ``bulkput bench`` forecasts of one upload, beside that upload."""

import json
import os
import sys
from typing import Any

from benchmarks import sources
from benchmarks.bench import Bench
from benchmarks.clients.commands import bulkput_upload
from benchmarks.measure.summary import spread
from benchmarks.report.result import CaseResult, Figure, Reach
from benchmarks.servers.sink import Sink
from bulkput.model.block import BLOCK_SIZE_BYTES

_TIMEOUT_S = 120
_OFF_MOST = 0.25
"""A forecast that is further off is of no use for a choice between two instance sizes."""


def run(bench: Bench) -> CaseResult:
    source = sources.random_file(bench.folder, bench.size_bytes)
    runs: list[dict[str, Any]] = []
    with Sink(
        bench.new_folder("sink"), bench.authority, volume_size_gib=bench.volume_size_gib
    ) as sink:
        for number in range(bench.options.rounds):
            load = os.getloadavg()[0]
            forecast = _forecast(bench)
            argv = bulkput_upload(source, sink.url(is_tls=True), bench.new_folder("state"))
            upload_s = bench.run(argv, "bulkput", _TIMEOUT_S).wall_s
            blocks = bench.size_bytes // BLOCK_SIZE_BYTES
            forecast_s = forecast["measured"]["start_s"] + blocks / forecast["puts_per_s_snapshot"]
            times = f"{forecast_s:.2f} s forecast, {upload_s:.2f} s"
            bench.log(f"round {number + 1}: {times}, load {load:.1f}")
            runs.append({"forecast_s": forecast_s, "upload_s": upload_s, "load": load})
    ratio = spread([each["forecast_s"] / each["upload_s"] for each in runs])
    return CaseResult(
        name="forecast",
        summary="The time that bulkput bench forecasts of one upload, to the time that it takes.",
        caveats=(
            "bench puts to a server of its own, the upload to nginx; both are on this machine.",
        ),
        figures=(
            Figure(
                "forecast to upload, median",
                ratio.median,
                "x",
                Reach(at_least=1 - _OFF_MOST, at_most=1 + _OFF_MOST),
            ),
            Figure("forecast to upload, least", ratio.least, "x"),
            Figure("forecast to upload, most", ratio.most, "x"),
        ),
        rounds=bench.options.rounds,
        runs=tuple(runs),
    )


def _forecast(bench: Bench) -> dict[str, Any]:
    """Let the program measure the host; return its result."""
    state = bench.new_folder("state-bench")
    argv = [sys.executable, "-m", "bulkput", "bench", "--output", "json"]
    with bench.start([*argv, "--state-dir", str(state)], "bench") as child:
        child.wait(_TIMEOUT_S)
        found: dict[str, Any] = json.loads(child.stdout_path.read_text())
    return found
