"""One snapshot put by one, two and four processes, and by as many as are found: speed and CPU."""

import json
import os
from dataclasses import asdict
from typing import Any

from benchmarks import sources
from benchmarks.bench import Bench
from benchmarks.clients.commands import bulkput_upload_unlimited
from benchmarks.measure.summary import Spread, rotated, spread
from benchmarks.report.result import CaseResult, Figure, Reach
from benchmarks.servers.sink import Sink
from bulkput.model.block import BLOCK_SIZE_BYTES, GIB_BYTES

_PROCESSES = ("1", "2", "4", "auto")
_TIMEOUT_S_PER_GIB = 60.0

_GAIN_REACH = 1.0
"""Of one process's puts a second, by as many as are found: a lane that brings nothing goes."""


def run(bench: Bench) -> CaseResult:
    source = sources.random_file(bench.folder, bench.size_bytes)
    runs: list[dict[str, Any]] = []
    with Sink(
        bench.new_folder("sink"), bench.authority, volume_size_gib=bench.volume_size_gib
    ) as sink:
        for number in range(bench.options.rounds):
            bench.log(f"round {number + 1} of {bench.options.rounds}")
            order = rotated(_PROCESSES, number)
            runs += [_once(bench, sink, source, processes) for processes in order]
    return _result(bench, runs)


def _once(bench: Bench, sink: Sink, source: Any, processes: str) -> dict[str, Any]:
    name = f"bulkput-{processes}"
    argv = bulkput_upload_unlimited(source, sink.url(is_tls=True), bench.new_folder(name))
    sink_cpu_s = sink.cpu_s()
    with bench.start([*argv, "--processes", processes], name) as child:
        usage = child.wait(30 + _TIMEOUT_S_PER_GIB * bench.size_bytes / GIB_BYTES)
        outcome = json.loads(child.stdout_path.read_text())
    puts_per_s = bench.size_bytes / BLOCK_SIZE_BYTES / outcome["elapsed_s"]
    bench.log(
        f"  {processes}: {puts_per_s:.0f} puts/s, {usage.wall_s:.2f} s wall, "
        f"{usage.cpu_s / bench.size_bytes * GIB_BYTES:.2f} CPU s/GiB"
    )
    return {
        "processes": processes,
        **asdict(usage),
        "puts_per_s": puts_per_s,
        "sink_cpu_s": sink.cpu_s() - sink_cpu_s,
    }


def _result(bench: Bench, runs: list[dict[str, Any]]) -> CaseResult:
    gib = bench.size_bytes / GIB_BYTES

    def of(processes: str, key: str) -> Spread:
        return spread([run[key] for run in runs if run["processes"] == processes])

    rows = tuple(
        (
            processes,
            of(processes, "puts_per_s").median,
            of(processes, "wall_s").median,
            of(processes, "cpu_s").median / gib,
            of(processes, "sink_cpu_s").median / gib,
            of(processes, "peak_rss_bytes").median / (1 << 20),
        )
        for processes in _PROCESSES
    )
    one = of("1", "puts_per_s").median
    figures = tuple(
        Figure(
            f"puts a second, {processes} processes to one",
            of(processes, "puts_per_s").median / one,
            "x",
            Reach(at_least=_GAIN_REACH) if processes == "auto" else Reach(),
        )
        for processes in _PROCESSES[1:]
    )
    return CaseResult(
        name="lanes",
        summary="One snapshot put by several processes to the same sink over TLS, alternating.",
        caveats=(
            (
                f"{bench.options.size_gib:g} GiB of random data in the page cache; the sink needs "
                f"a part of the machine's {os.cpu_count()} processors as well."
            ),
            "Pages that processes share count in the RSS of each.",
        ),
        figures=figures,
        columns=(
            "processes",
            "puts/s",
            "wall s",
            "CPU s/GiB",
            "sink CPU s/GiB",
            "peak RSS MiB",
        ),
        rows=rows,
        rounds=bench.options.rounds,
        runs=tuple(runs),
    )
