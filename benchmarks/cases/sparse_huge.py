"""A huge sparse file with little data, against the same data in a small file; and its plan."""

import sys

from benchmarks import sources
from benchmarks.bench import Bench
from benchmarks.clients.commands import bulkput_upload
from benchmarks.measure.process import Usage
from benchmarks.measure.summary import spread
from benchmarks.report.result import CaseResult, Figure, Reach
from benchmarks.servers.sink import Sink

_HUGE_GIB = 15 * 1024
"""15 TiB: ext4 with 4 KiB blocks ends at 16 TiB a file."""
_SMALL_GIB = 2
_DATA_GIB = 1
_TIMEOUT_S = 600
_MIB = 1 << 20

_BySizeGib = dict[int, list[Usage]]


def run(bench: Bench) -> CaseResult:
    usages = _BySizeGib({_HUGE_GIB: [], _SMALL_GIB: []})
    for size_gib in usages:
        path = sources.scattered_file(bench.folder, size_gib, _DATA_GIB)
        bench.log(f"made {path.name}, {path.stat().st_blocks * 512 / _MIB:.0f} MiB on disk")
    for number in range(bench.options.rounds):
        for size_gib, seen in usages.items():
            folder = bench.new_folder("sink")
            with Sink(folder, bench.authority, volume_size_gib=size_gib) as sink:
                command = bulkput_upload(
                    bench.folder / f"scattered-{size_gib}.bin",
                    sink.url(is_tls=True),
                    bench.new_folder("state-sparse"),
                )
                seen.append(bench.run(command, "bulkput", _TIMEOUT_S))
            bench.log(f"round {number + 1}: {size_gib} GiB file: {seen[-1].wall_s:.2f} s")
    plan = [sys.executable, "-m", "bulkput", "plan", "--fast", "--output", "json"]
    huge = bench.folder / f"scattered-{_HUGE_GIB}.bin"
    planned = [
        bench.run([*plan, str(huge)], "plan", _TIMEOUT_S) for _ in range(bench.options.rounds)
    ]
    plan_s = spread([usage.wall_s for usage in planned]).median
    wall = {size: spread([usage.wall_s for usage in seen]) for size, seen in usages.items()}
    peak = spread([usage.peak_rss_bytes / _MIB for usage in usages[_HUGE_GIB]])
    over_s = wall[_HUGE_GIB].median - 1.5 * wall[_SMALL_GIB].median
    return CaseResult(
        name="sparse_huge",
        summary=f"{_DATA_GIB} GiB of single random blocks spread over {_HUGE_GIB} GiB, against the "
        f"same in {_SMALL_GIB} GiB, over TLS.",
        caveats=("The holes are skipped: the sink says that the snapshot is not encrypted.",),
        figures=(
            Figure("wall time, huge file", wall[_HUGE_GIB].median, "s"),
            Figure("wall time, small file", wall[_SMALL_GIB].median, "s"),
            Figure("huge beyond 1.5 x small", over_s, "s", Reach(at_most=5)),
            Figure("peak RSS, huge file, worst round", peak.most, "MiB", Reach(at_most=256)),
            Figure("wall time, plan --fast of the huge file", plan_s, "s", Reach(at_most=2)),
        ),
        rounds=bench.options.rounds,
        runs=tuple(
            {"size_gib": size, "wall_s": usage.wall_s, "peak_rss_bytes": usage.peak_rss_bytes}
            for size, seen in usages.items()
            for usage in seen
        ),
    )
