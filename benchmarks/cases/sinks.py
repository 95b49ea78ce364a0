"""What it costs to watch a run: an upload with every sink on, beside one without any."""

import math
from collections.abc import Sequence
from pathlib import Path

from benchmarks import sources
from benchmarks.bench import Bench
from benchmarks.clients.commands import bulkput_upload
from benchmarks.measure.summary import spread
from benchmarks.report.result import CaseResult, Figure, Reach
from benchmarks.servers.sink import Sink
from bulkput.model.block import GIB_BYTES

_SIZES_GIB = (1, 8)
"""Of two sizes: what the report takes once, and what each GiB takes, can be told apart."""
_REACH_PERCENT = 2.0
_TIMEOUT_S = 300


def run(bench: Bench) -> CaseResult:
    sizes_gib = [size * min(1.0, bench.options.size_gib) for size in _SIZES_GIB]
    cpu_s: dict[tuple[float, bool], list[float]] = {}
    for size_gib in sizes_gib:
        source = sources.random_file(bench.folder, int(size_gib * GIB_BYTES))
        sink_folder = bench.new_folder("sink")
        with Sink(sink_folder, bench.authority, volume_size_gib=math.ceil(size_gib)) as sink:
            for number in range(bench.options.rounds):
                for is_watched in (number % 2 == 0, number % 2 == 1):
                    folder = bench.new_folder("state-sinks")
                    flags = _flags(folder) if is_watched else ()
                    command = bulkput_upload(source, sink.url(is_tls=True), folder, *flags)
                    usage = bench.run(command, "bulkput", _TIMEOUT_S)
                    cpu_s.setdefault((size_gib, is_watched), []).append(usage.cpu_s)
                    which = "all" if is_watched else "no"
                    bench.log(f"{size_gib:g} GiB, {which} sinks: {usage.cpu_s:.2f} s")
    return _result(sizes_gib, cpu_s, bench.options.rounds)


def _flags(folder: Path) -> tuple[str, ...]:
    files = {
        "--events": "events.jsonl",
        "--log-file": "run.log",
        "--report": "report.html",
        "--metrics-textfile": "bulkput.prom",
    }
    written = [each for flag, name in files.items() for each in (flag, str(folder / name))]
    return (*written, "--metrics-listen", "127.0.0.1:0")


def _result(
    sizes_gib: Sequence[float], cpu_s: dict[tuple[float, bool], list[float]], rounds: int
) -> CaseResult:
    small, large = sizes_gib
    more_s = {
        size: spread(cpu_s[size, True]).median - spread(cpu_s[size, False]).median
        for size in sizes_gib
    }
    bare_s = {size: spread(cpu_s[size, False]).median for size in sizes_gib}
    span_gib = large - small
    steady = (more_s[large] - more_s[small]) / (bare_s[large] - bare_s[small])
    once_s = more_s[small] - steady * bare_s[small]
    return CaseResult(
        name="sinks",
        summary=(
            f"CPU of an upload of {small:g} and {large:g} GiB of random data over TLS, default "
            "settings, without and with events, log, metrics (served and in a file) and report; "
            "medians of alternating rounds."
        ),
        caveats=(
            "No terminal: lines instead of the display, and none, as both are --quiet.",
            "Once: importing matplotlib and Jinja2, drawing and writing the report.",
        ),
        figures=(
            Figure(
                f"more for each second of the upload, over {span_gib:g} GiB",
                100 * steady,
                "%",
                Reach(at_most=_REACH_PERCENT),
            ),
            Figure("more once, mostly for the report", once_s, "s"),
            Figure(f"more in all, {large:g} GiB", 100 * more_s[large] / bare_s[large], "%"),
        ),
        rounds=rounds,
        runs=tuple(
            {"size_gib": size, "is_watched": is_watched, "cpu_s": each}
            for (size, is_watched), each in cpu_s.items()
        ),
    )
