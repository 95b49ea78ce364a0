"""Two volumes of one job under one account quota: full use in sum, and a fair share each."""

import json
import sys

from benchmarks import sources
from benchmarks.bench import Bench
from benchmarks.cases.pacing import EMULATOR_CAVEAT, SLACK, ZEROS_CAVEAT, observe
from benchmarks.measure.series import per_second, rate_between, throttled_share
from benchmarks.report.picture import staircase
from benchmarks.report.result import CaseResult, Figure, LineChart, Reach
from benchmarks.servers.emulator import Emulator

_QUOTA_PUTS_PER_S = 600
_LATENCY_MS = 50
_VOLUMES = 2


def run(bench: Bench) -> CaseResult:
    duration_s = bench.options.duration_s
    blocks = int(duration_s * _QUOTA_PUTS_PER_S * SLACK)
    folder = bench.new_folder("job")
    source = sources.hole_file(bench.folder, blocks)
    with Emulator(
        bench.new_folder("emulator"),
        bench.authority,
        is_tls=False,
        latency_ms=_LATENCY_MS,
        puts_per_s_account=_QUOTA_PUTS_PER_S,
    ) as emulator:
        job = {
            "version": 1,
            "name": "two-volumes",
            "endpoint": emulator.url,
            "parallel": _VOLUMES,
            "state_dir": str(folder / "state"),
            "volumes": [
                {"name": f"volume-{number}", "source": str(source), "zeros": "write"}
                for number in range(_VOLUMES)
            ],
        }
        configuration = folder / "job.yaml"  # JSON is YAML 1.2
        configuration.write_text(json.dumps(job))
        command = [sys.executable, "-m", "bulkput", "run", str(configuration), "--quiet"]
        run = observe(bench, emulator, command, duration_s=duration_s)
    in_sum = rate_between(run.samples, 0, duration_s) / _QUOTA_PUTS_PER_S
    stored = run.stored_by_snapshot
    smaller = min(stored) / sum(stored) * in_sum if len(stored) == _VOLUMES else 0.0
    return CaseResult(
        name="two_volumes",
        summary=f"Two volumes at once, account quota {_QUOTA_PUTS_PER_S}/s, http, {_LATENCY_MS} "
        f"ms, {duration_s:.0f} s from the first accepted put.",
        caveats=(EMULATOR_CAVEAT, ZEROS_CAVEAT),
        figures=(
            Figure("accepted in sum, of the quota", in_sum, "", Reach(at_least=0.98)),
            Figure("the smaller volume's part of the quota", smaller, "", Reach(at_least=0.4)),
            Figure("throttled, of all puts", throttled_share(run.samples), ""),
            *run.load_figures,
        ),
        runs=(run.as_dict(),),
        line_chart=LineChart(
            title="Puts accepted per second, two volumes in sum",
            unit="puts/s",
            lines={
                "bulkput": per_second(run.samples),
                "account quota": staircase([(0, _QUOTA_PUTS_PER_S)], duration_s),
            },
        ),
    )
