"""Holding a constant quota for a minute, at a latency that takes a hundred puts in flight."""

from benchmarks import sources
from benchmarks.bench import Bench
from benchmarks.cases.pacing import EMULATOR_CAVEAT, SLACK, ZEROS_CAVEAT, observe
from benchmarks.clients.commands import bulkput_upload
from benchmarks.measure.series import per_second, rate_between, throttled_share
from benchmarks.report.picture import staircase
from benchmarks.report.result import CaseResult, Figure, LineChart, Reach
from benchmarks.servers.emulator import Emulator

_LATENCY_MS = 80
_JITTER_MS = 40
"""The emulator adds up to this much: 100 ms, give or take 20."""
_RAMP_S = 5.0


def run_http(bench: Bench) -> CaseResult:
    return _run(bench, quota_puts_per_s=1000, is_tls=False)


def run_https(bench: Bench) -> CaseResult:
    return _run(bench, quota_puts_per_s=400, is_tls=True)


def _run(bench: Bench, *, quota_puts_per_s: int, is_tls: bool) -> CaseResult:
    duration_s = bench.options.duration_s
    source = sources.hole_file(bench.folder, int(duration_s * quota_puts_per_s * SLACK))
    scheme = "https" if is_tls else "http"
    with Emulator(
        bench.new_folder("emulator"),
        bench.authority,
        is_tls=is_tls,
        latency_ms=_LATENCY_MS,
        jitter_ms=_JITTER_MS,
        puts_per_s_snapshot=quota_puts_per_s,
    ) as emulator:
        command = bulkput_upload(
            source, emulator.url, bench.new_folder("state"), "--zeros", "write"
        )
        run = observe(bench, emulator, command, duration_s=duration_s)
    whole = rate_between(run.samples, 0, duration_s)
    steady = rate_between(run.samples, _RAMP_S, duration_s)
    bench.log(f"{whole:.1f} puts/s of {quota_puts_per_s}, {steady:.1f} after {_RAMP_S:.0f} s")
    return CaseResult(
        name=f"quota_hold_{scheme}",
        summary=f"{quota_puts_per_s} puts/s a snapshot over {scheme}, {_LATENCY_MS} to "
        f"{_LATENCY_MS + _JITTER_MS} ms an answer, {duration_s:.0f} s from the first accepted put.",
        caveats=(EMULATOR_CAVEAT, ZEROS_CAVEAT),
        figures=(
            Figure("accepted, of the quota", whole / quota_puts_per_s, "", Reach(at_least=0.98)),
            Figure(f"the same after {_RAMP_S:.0f} s", steady / quota_puts_per_s, ""),
            Figure(
                "throttled, of all puts", throttled_share(run.samples), "", Reach(at_most=0.005)
            ),
            *run.load_figures,
        ),
        runs=(run.as_dict(),),
        line_chart=LineChart(
            title=f"Puts accepted per second, {scheme}",
            unit=f"puts/s, at {_LATENCY_MS} to {_LATENCY_MS + _JITTER_MS} ms latency",
            lines={
                "bulkput": per_second(run.samples),
                "quota": staircase([(0, quota_puts_per_s)], duration_s),
            },
        ),
    )
