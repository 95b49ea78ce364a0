"""A quota that is cut in mid-run and restored: the pacer learns it by throttles alone."""

from benchmarks import sources
from benchmarks.bench import Bench
from benchmarks.cases.pacing import EMULATOR_CAVEAT, SLACK, ZEROS_CAVEAT, Step, observe
from benchmarks.cases.recovery import Phase, recovery_figures, throttled_figure
from benchmarks.clients.commands import bulkput_upload
from benchmarks.measure.series import per_second
from benchmarks.report.picture import staircase
from benchmarks.report.result import CaseResult, LineChart
from benchmarks.servers.emulator import Emulator

_FULL_PUTS_PER_S = 1000
_CUT_PUTS_PER_S = 300
_LATENCY_MS = 20
_PHASES = 3


def run(bench: Bench) -> CaseResult:
    duration_s = bench.options.duration_s
    phase_s = duration_s / _PHASES
    source = sources.hole_file(bench.folder, int(duration_s * _FULL_PUTS_PER_S * SLACK))
    steps = [
        Step(phase_s, lambda server: server.set_quota(puts_per_s_snapshot=_CUT_PUTS_PER_S)),
        Step(2 * phase_s, lambda server: server.set_quota(puts_per_s_snapshot=_FULL_PUTS_PER_S)),
    ]
    with Emulator(
        bench.new_folder("emulator"),
        bench.authority,
        is_tls=False,
        latency_ms=_LATENCY_MS,
        puts_per_s_snapshot=_FULL_PUTS_PER_S,
    ) as emulator:
        command = bulkput_upload(
            source, emulator.url, bench.new_folder("state"), "--zeros", "write"
        )
        run = observe(bench, emulator, command, duration_s=duration_s, steps=steps)
    cut_s, restored_s = run.changed_at_s
    phases = (
        Phase("full", 0, _FULL_PUTS_PER_S),
        Phase("cut", cut_s, _CUT_PUTS_PER_S),
        Phase("restored", restored_s, _FULL_PUTS_PER_S),
    )
    return CaseResult(
        name="quota_cut",
        summary=f"Quota {_FULL_PUTS_PER_S}/s, cut to {_CUT_PUTS_PER_S}/s and restored, "
        f"{phase_s:.0f} s each, http, {_LATENCY_MS} ms.",
        caveats=(EMULATOR_CAVEAT, ZEROS_CAVEAT),
        figures=(
            *recovery_figures(run.samples, phases, duration_s),
            throttled_figure(run.samples, at_most=0.02),
            *run.load_figures,
        ),
        runs=(run.as_dict(),),
        line_chart=LineChart(
            title="Puts accepted per second, the quota cut and restored",
            unit="puts/s",
            lines={
                "bulkput": per_second(run.samples),
                "quota": staircase(
                    [(phase.from_s, phase.limit_puts_per_s) for phase in phases], duration_s
                ),
            },
        ),
    )
