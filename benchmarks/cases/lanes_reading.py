"""One snapshot verified, downloaded and copied by one and two processes, and by as many as auto."""

import json
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench
from benchmarks.clients.arguments import SNAPSHOT_ID
from benchmarks.measure.summary import Spread, rotated, spread
from benchmarks.report.result import CaseResult, Figure
from benchmarks.servers.shelf import Shelf
from benchmarks.servers.sink import Sink
from bulkput.model.block import BLOCK_SIZE_BYTES, GIB_BYTES

_PROCESSES = ("1", "2", "auto")
_TIMEOUT_S_PER_GIB = 90.0
_CALLS_PER_S = 100_000
"""The most that the configuration takes: the processor is to be the limit."""

Words = Callable[[Path], list[str]]
"""An empty folder to a verb and what it is given."""


def run(bench: Bench) -> CaseResult:
    gib = bench.size_bytes // GIB_BYTES
    runs: list[dict[str, Any]] = []
    with ExitStack() as stack:
        folder = bench.new_folder("shelf")
        shelf = stack.enter_context(Shelf(folder, bench.authority, volume_size_gib=gib))
        sink = stack.enter_context(
            Sink(bench.new_folder("sink"), bench.authority, volume_size_gib=gib)
        )
        verbs = _verbs(bench, shelf, sink)
        for number in range(bench.options.rounds):
            bench.log(f"round {number + 1} of {bench.options.rounds}")
            for verb, words in verbs.items():
                for processes in rotated(_PROCESSES, number):
                    servers_cpu_s = shelf.cpu_s() + sink.cpu_s()
                    ended = _once(bench, verb, words, processes)
                    ended["servers_cpu_s"] = shelf.cpu_s() + sink.cpu_s() - servers_cpu_s
                    runs.append(ended)
    return _result(bench, runs)


def _verbs(bench: Bench, shelf: Shelf, sink: Sink) -> dict[str, Words]:
    source = bench.folder / "same-blocks.img"
    with source.open("wb") as file:
        for _ in range(bench.size_bytes // BLOCK_SIZE_BYTES):
            file.write(shelf.block)
    here = ["--endpoint-url", shelf.url]
    there = ["--to-endpoint-url", sink.url(is_tls=True), "--no-wait"]
    return {
        "verify": lambda _: ["verify", SNAPSHOT_ID, "--source", str(source), *here],
        "download": lambda folder: ["download", SNAPSHOT_ID, str(folder / "out.img"), *here],
        "copy": lambda _: ["copy", SNAPSHOT_ID, *here, *there],
    }


def _once(bench: Bench, verb: str, words: Words, processes: str) -> dict[str, Any]:
    folder = bench.new_folder(f"{verb}-{processes}")
    kinds = ("puts_per_s", "gets_per_s")
    limits = {f"{kind}_{of}": _CALLS_PER_S for kind in kinds for of in ("snapshot", "account")}
    configuration = folder / "tuning.yaml"  # JSON is YAML 1.2
    configuration.write_text(json.dumps({"version": 1, "tuning": limits}))
    argv = [sys.executable, "-m", "bulkput", *words(folder), "--processes", processes]
    argv += ["--config", str(configuration), "--state-dir", str(folder / "state"), "--quiet"]
    gib = bench.size_bytes / GIB_BYTES
    load = os.getloadavg()[0]
    usage = bench.run(
        [*argv, "--output", "json"], f"{verb}-{processes}", 60 + _TIMEOUT_S_PER_GIB * gib
    )
    (folder / "out.img").unlink(missing_ok=True)
    bench.log(
        f"  {verb}, {processes}: {usage.wall_s:.2f} s wall, {usage.cpu_s / gib:.2f} CPU s/GiB, "
        f"{usage.peak_rss_bytes >> 20} MiB, load {load:.1f}"
    )
    return {"verb": verb, "processes": processes, "load": load, **asdict(usage)}


def _result(bench: Bench, runs: list[dict[str, Any]]) -> CaseResult:
    gib = bench.size_bytes / GIB_BYTES
    verbs = tuple(dict.fromkeys(run["verb"] for run in runs))

    def of(verb: str, processes: str, key: str) -> Spread:
        return spread(
            [run[key] for run in runs if (run["verb"], run["processes"]) == (verb, processes)]
        )

    rows = tuple(
        (
            verb,
            processes,
            of(verb, processes, "wall_s").median,
            of(verb, processes, "cpu_s").median / gib,
            of(verb, processes, "servers_cpu_s").median / gib,
            of(verb, processes, "peak_rss_bytes").median / (1 << 20),
        )
        for verb in verbs
        for processes in _PROCESSES
    )
    figures = tuple(
        Figure(
            f"wall time of {verb}, {processes} processes to one",
            of(verb, processes, "wall_s").median / of(verb, "1", "wall_s").median,
            "x",
        )
        for verb in verbs
        for processes in _PROCESSES[1:]
    )
    return CaseResult(
        name="lanes_reading",
        summary="One snapshot verified, downloaded and copied by several processes, over TLS.",
        caveats=(
            (
                f"{gib:g} GiB of one block from nginx, copied to another nginx; both need a part "
                f"of the machine's {os.cpu_count()} processors as well."
            ),
            "Pages that processes share count in the RSS of each.",
        ),
        figures=figures,
        columns=("verb", "processes", "wall s", "CPU s/GiB", "servers' CPU s/GiB", "peak RSS MiB"),
        rows=rows,
        rounds=bench.options.rounds,
        runs=tuple(runs),
    )
