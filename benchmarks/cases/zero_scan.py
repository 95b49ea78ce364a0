"""How fast written zeros in the page cache are recognised and skipped."""

from benchmarks import sources
from benchmarks.bench import Bench
from benchmarks.clients.commands import bulkput_upload
from benchmarks.measure.summary import spread
from benchmarks.report.result import CaseResult, Figure, Reach
from benchmarks.servers.sink import Sink
from bulkput.model.block import BLOCK_SIZE_BYTES, GIB_BYTES

_SIZE_GIB = 6
_TIMEOUT_S = 120


def run(bench: Bench) -> CaseResult:
    size_gib = _SIZE_GIB if bench.options.size_gib >= 1 else 1
    whole = sources.zero_file(bench.folder, size_gib * GIB_BYTES)
    tiny = sources.zero_file(bench.folder, BLOCK_SIZE_BYTES)
    wall_s: dict[str, list[float]] = {"whole": [], "tiny": []}
    cpu_s: dict[str, list[float]] = {"whole": [], "tiny": []}
    with Sink(bench.new_folder("sink"), bench.authority, volume_size_gib=size_gib) as sink:
        for number in range(bench.options.rounds):
            for name, source in (("tiny", tiny), ("whole", whole)):
                command = bulkput_upload(
                    source, sink.url(is_tls=False), bench.new_folder("state-zeros")
                )
                usage = bench.run(command, "bulkput", _TIMEOUT_S)
                wall_s[name].append(usage.wall_s)
                cpu_s[name].append(usage.cpu_s)
            bench.log(f"round {number + 1}: {wall_s['whole'][-1]:.2f} s for {size_gib} GiB")
    scan_s = spread(wall_s["whole"]).median - spread(wall_s["tiny"]).median
    scan_cpu_s = spread(cpu_s["whole"]).median - spread(cpu_s["tiny"]).median
    return CaseResult(
        name="zero_scan",
        summary=f"{size_gib} GiB of written zeros, all skipped.",
        caveats=("The time of an upload of one zero block is taken off: start, seal and end.",),
        figures=(
            Figure("zeros scanned", size_gib / scan_s, "GiB/s", Reach(at_least=3)),
            Figure("CPU per GiB scanned", scan_cpu_s / size_gib, "s"),
        ),
        rounds=bench.options.rounds,
        runs=({"wall_s": wall_s, "cpu_s": cpu_s},),
    )
