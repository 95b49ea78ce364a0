"""How long a person waits: for the help, and for the first put."""

import sys

from benchmarks import sources
from benchmarks.bench import Bench
from benchmarks.clients.commands import bulkput_upload
from benchmarks.measure.process import ChildFailedError
from benchmarks.measure.summary import spread
from benchmarks.report.result import CaseResult, Figure, Reach
from benchmarks.servers.sink import Sink
from bulkput.model.block import BLOCK_SIZE_BYTES

_STARTS_A_ROUND = 5
_TIMEOUT_S = 30


def run(bench: Bench) -> CaseResult:
    source = sources.random_file(bench.folder, 64 * BLOCK_SIZE_BYTES)
    help_s: list[float] = []
    first_put_s: list[float] = []
    with Sink(
        bench.new_folder("sink"), bench.authority, volume_size_gib=1, is_logging=True
    ) as sink:
        # The first start compiles the modules; nobody waits for that twice.
        bench.run([sys.executable, "-m", "bulkput", "--help"], "help", _TIMEOUT_S)
        for _ in range(bench.options.rounds * _STARTS_A_ROUND):
            usage = bench.run([sys.executable, "-m", "bulkput", "--help"], "help", _TIMEOUT_S)
            help_s.append(usage.wall_s)
            command = bulkput_upload(
                source, sink.url(is_tls=True), bench.new_folder("state-startup")
            )
            with bench.start(command, "bulkput") as child:
                child.wait(_TIMEOUT_S)
                first_unix_s = sink.first_put_unix_s(child.started_unix_s)
                if first_unix_s is None:
                    raise ChildFailedError("bulkput upload put nothing")
                first_put_s.append(first_unix_s - child.started_unix_s)
    bench.log(f"help {spread(help_s)}, first put {spread(first_put_s)}")
    return CaseResult(
        name="startup",
        summary="From the start of the process, modules compiled and in the page cache.",
        caveats=("The first put is dated by the sink's log: when its first byte arrived.",),
        figures=(
            Figure("bulkput --help", spread(help_s).median, "s", Reach(at_most=0.25)),
            Figure(
                "first put after the start of bulkput upload, TLS",
                spread(first_put_s).median,
                "s",
                Reach(at_most=0.6),
            ),
        ),
        rounds=bench.options.rounds,
        runs=({"help_s": help_s, "first_put_s": first_put_s},),
    )
