"""A latency that rises fifteenfold and falls again: the number in flight has to follow."""

from benchmarks import sources
from benchmarks.bench import Bench
from benchmarks.cases.pacing import EMULATOR_CAVEAT, SLACK, ZEROS_CAVEAT, Step, observe
from benchmarks.cases.recovery import Phase, recovery_figures
from benchmarks.clients.commands import bulkput_upload
from benchmarks.measure.series import per_second, throttled_share
from benchmarks.report.picture import staircase
from benchmarks.report.result import CaseResult, Figure, LineChart
from benchmarks.servers.emulator import Emulator

_QUOTA_PUTS_PER_S = 1000
_LOW_MS = 20
_HIGH_MS = 300
_PHASES = 3


def run(bench: Bench) -> CaseResult:
    duration_s = bench.options.duration_s
    phase_s = duration_s / _PHASES
    source = sources.hole_file(bench.folder, int(duration_s * _QUOTA_PUTS_PER_S * SLACK))
    steps = [
        Step(phase_s, lambda server: server.set_latency(_HIGH_MS)),
        Step(2 * phase_s, lambda server: server.set_latency(_LOW_MS)),
    ]
    with Emulator(
        bench.new_folder("emulator"),
        bench.authority,
        is_tls=False,
        latency_ms=_LOW_MS,
        puts_per_s_snapshot=_QUOTA_PUTS_PER_S,
    ) as emulator:
        command = bulkput_upload(
            source, emulator.url, bench.new_folder("state"), "--zeros", "write"
        )
        run = observe(bench, emulator, command, duration_s=duration_s, steps=steps)
    slow_s, fast_s = run.changed_at_s
    phases = (
        Phase(f"{_LOW_MS} ms", 0, _QUOTA_PUTS_PER_S),
        Phase(f"to {_HIGH_MS} ms", slow_s, _QUOTA_PUTS_PER_S),
        Phase(f"back to {_LOW_MS} ms", fast_s, _QUOTA_PUTS_PER_S),
    )
    return CaseResult(
        name="latency_step",
        summary=f"Latency {_LOW_MS} ms, {_HIGH_MS} ms and back, {phase_s:.0f} s each, quota "
        f"{_QUOTA_PUTS_PER_S}/s, http.",
        caveats=(EMULATOR_CAVEAT, ZEROS_CAVEAT),
        figures=(
            *recovery_figures(run.samples, phases, duration_s),
            Figure("throttled, of all puts", throttled_share(run.samples), ""),
            *run.load_figures,
        ),
        runs=(run.as_dict(),),
        line_chart=LineChart(
            title=f"Puts accepted per second, latency {_LOW_MS}, {_HIGH_MS}, {_LOW_MS} ms",
            unit="puts/s",
            lines={
                "bulkput": per_second(run.samples),
                "quota": staircase([(0, _QUOTA_PUTS_PER_S)], duration_s),
            },
        ),
    )
