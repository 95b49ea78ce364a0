"""Peak resident memory of an upload of random data with default settings."""

from benchmarks import sources
from benchmarks.bench import Bench
from benchmarks.clients.commands import bulkput_upload
from benchmarks.measure.summary import spread
from benchmarks.report.result import CaseResult, Figure, Reach
from benchmarks.servers.sink import Sink
from bulkput.model.block import GIB_BYTES

_SIZE_GIB = 8
_MIB = 1 << 20
_REACH_MIB = 256
_TIMEOUT_S = 300


def run(bench: Bench) -> CaseResult:
    size_gib = _SIZE_GIB if bench.options.size_gib >= 1 else 2 * bench.options.size_gib
    source = sources.random_file(bench.folder, int(size_gib * GIB_BYTES))
    sink_folder = bench.new_folder("sink")
    runs = []
    with Sink(sink_folder, bench.authority, volume_size_gib=_SIZE_GIB) as sink:
        for number in range(bench.options.rounds):
            command = bulkput_upload(
                source, sink.url(is_tls=True), bench.new_folder("state-memory")
            )
            usage = bench.run(command, "bulkput", _TIMEOUT_S)
            runs.append({"peak_rss_bytes": usage.peak_rss_bytes, "wall_s": usage.wall_s})
            bench.log(f"round {number + 1}: {usage.peak_rss_bytes / _MIB:.0f} MiB")
    peak = spread([run["peak_rss_bytes"] / _MIB for run in runs])
    return CaseResult(
        name="memory",
        summary=f"{size_gib:g} GiB of random data over TLS, default settings.",
        caveats=(),
        figures=(Figure("peak RSS, worst round", peak.most, "MiB", Reach(at_most=_REACH_MIB)),),
        rounds=bench.options.rounds,
        runs=tuple(runs),
    )
