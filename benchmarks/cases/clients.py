"""The comparison: CPU seconds per GiB and wall time of every client on the same random file."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import sources
from benchmarks.bench import Bench
from benchmarks.clients.commands import CLIENTS, Client
from benchmarks.measure.process import ChildFailedError, Usage
from benchmarks.measure.summary import Spread, rotated, spread
from benchmarks.report.result import Bar, BarChart, CaseResult, Figure, Reach
from benchmarks.servers.sink import Sink
from bulkput.model.block import BLOCK_SIZE_BYTES, GIB_BYTES

_S_PER_GIB_MAX = 60.0
"""Twelve times what the slowest client needs on an idle two-core machine: then it hangs."""

_PLAIN_CAVEAT = (
    "Over plain http the SDKs sign the body, which costs them a second SHA-256 of every block: "
    "compare with them over TLS."
)

_CPU_REACH = {"floor": 1.35, "boto3": 0.5, "aiobotocore": 0.65, "coldsnap": 1.0}
_WALL_REACH = {"boto3": 1.0, "coldsnap": 1.0}


def run_tls(bench: Bench) -> CaseResult:
    return _run(bench, is_tls=True)


def run_plain(bench: Bench) -> CaseResult:
    return _run(bench, is_tls=False)


class _Comparison:
    """Rounds of all clients against one sink; whoever fails leaves the comparison."""

    def __init__(self, bench: Bench, sink: Sink, *, is_tls: bool) -> None:
        self._bench = bench
        self._sink = sink
        self._url = sink.url(is_tls=is_tls)
        self.skipped: dict[str, str] = {}
        self.runs: list[dict[str, Any]] = []

    def once(self, client: Client, source: Path, size_bytes: int) -> None:
        """Run one client over one file, and take note of it."""
        state = self._bench.new_folder(f"state-{client.name}")
        gib = size_bytes / GIB_BYTES
        command = client.command(source, self._url, state)
        if client.name == "bulkput":  # the sink's one volume; another size is refused
            command += ["--volume-size-gib", str(self._bench.volume_size_gib)]
        requests, sink_cpu_s = self._sink.requests(), self._sink.cpu_s()
        try:
            usage: Usage = self._bench.run(command, client.name, 30 + _S_PER_GIB_MAX * gib)
        except ChildFailedError as error:
            self.skipped[client.name] = f"failed: {error}"
            return
        requests = self._sink.requests() - requests
        if requests < size_bytes // BLOCK_SIZE_BYTES:
            self.skipped[client.name] = f"sent {requests} requests only"
            return
        self.runs.append(
            {
                "client": client.name,
                "size_gib": gib,
                **asdict(usage),
                "requests": requests,
                "sink_cpu_s": self._sink.cpu_s() - sink_cpu_s,
            }
        )
        self._bench.log(
            f"  {client.name}: {usage.cpu_s / gib:.2f} CPU s/GiB, {usage.wall_s:.2f} s wall"
            if source.stat().st_size > BLOCK_SIZE_BYTES
            else f"  {client.name}: start {usage.cpu_s:.2f} CPU s"
        )

    def values(self, name: str, size_gib: float, key: str) -> Spread:
        """Return the spread of one measure over the rounds."""
        return spread(
            [run[key] for run in self.runs if run["client"] == name and run["size_gib"] == size_gib]
        )


def _run(bench: Bench, *, is_tls: bool) -> CaseResult:
    whole = sources.random_file(bench.folder, bench.size_bytes)
    tiny = sources.random_file(bench.folder, BLOCK_SIZE_BYTES)
    with Sink(
        bench.new_folder("sink"), bench.authority, volume_size_gib=bench.volume_size_gib
    ) as sink:
        comparison = _Comparison(bench, sink, is_tls=is_tls)
        chosen = [
            client for client in CLIENTS if client.name in (bench.options.only or {client.name})
        ]
        for client in chosen:
            why = client.missing()
            if why:
                comparison.skipped[client.name] = why
        for number in range(bench.options.rounds):
            bench.log(f"round {number + 1} of {bench.options.rounds}")
            for client in rotated(chosen, number):
                for source, size in ((tiny, BLOCK_SIZE_BYTES), (whole, bench.size_bytes)):
                    if client.name not in comparison.skipped:
                        comparison.once(client, source, size)
    present = [client for client in chosen if client.name not in comparison.skipped]
    return _result(bench, comparison, present, is_tls=is_tls)


def _result(
    bench: Bench, comparison: _Comparison, clients: list[Client], *, is_tls: bool
) -> CaseResult:
    gib = bench.size_bytes / GIB_BYTES
    cpu = {client.name: comparison.values(client.name, gib, "cpu_s") for client in clients}
    wall = {client.name: comparison.values(client.name, gib, "wall_s") for client in clients}
    scheme = "TLS" if is_tls else "plain http"
    caveats: tuple[str, ...] = (
        (
            f"{bench.options.size_gib:g} GiB of random data in the page cache, over {scheme}; the "
            "CPU column holds the program's start, shown beside it."
        ),
        "bulkput's own ceiling of 1000 puts/s is raised, because nobody else has one.",
        "The floor has no retries, pacing, ledger or checks: nobody could use it as it is.",
    )
    if not is_tls:
        caveats += (_PLAIN_CAVEAT,)
    return CaseResult(
        name="clients_tls" if is_tls else "clients_plain",
        summary=f"Uploads of one file by every client to the same sink over {scheme}, alternating.",
        caveats=caveats,
        figures=_figures(cpu, wall, is_tls=is_tls),
        columns=(
            "client",
            "CPU s/GiB",
            "least - most",
            "x floor",
            "start CPU s",
            "CPU s/GiB without start",
            "wall s",
            "MiB/s",
            "peak RSS MiB",
            "sink CPU s/GiB",
        ),
        rows=_rows(bench, comparison, clients, cpu, wall),
        rounds=bench.options.rounds,
        runs=tuple(comparison.runs),
        bar_chart=BarChart(
            title=f"CPU of the client per GiB, {scheme}",
            unit="CPU seconds (user + system) per GiB, median with least and most; less is better",
            bars=tuple(
                Bar(client.label, *(value / gib for value in cpu[client.name]))
                for client in clients
            ),
        ),
        skipped=comparison.skipped,
    )


def _rows(
    bench: Bench,
    comparison: _Comparison,
    clients: list[Client],
    cpu: dict[str, Spread],
    wall: dict[str, Spread],
) -> tuple[tuple[str | float, ...], ...]:
    gib, tiny_gib = bench.size_bytes / GIB_BYTES, BLOCK_SIZE_BYTES / GIB_BYTES
    rows: list[tuple[str | float, ...]] = []
    for client in clients:
        ours, floor = cpu[client.name], cpu.get("floor")
        start_cpu_s = comparison.values(client.name, tiny_gib, "cpu_s").median
        rows.append(
            (
                client.label,
                ours.median / gib,
                f"{ours.least / gib:.2f} - {ours.most / gib:.2f}",
                ours.median / floor.median if floor else "",
                start_cpu_s,
                (ours.median - start_cpu_s) / gib,
                wall[client.name].median,
                bench.size_bytes / (1 << 20) / wall[client.name].median,
                comparison.values(client.name, gib, "peak_rss_bytes").median / (1 << 20),
                comparison.values(client.name, gib, "sink_cpu_s").median / gib,
            )
        )
    return tuple(rows)


def _figures(
    cpu: dict[str, Spread], wall: dict[str, Spread], *, is_tls: bool
) -> tuple[Figure, ...]:
    """Return bulkput's ratios to the others; only over TLS is there something to reach."""
    if "bulkput" not in cpu:
        return ()
    found = []
    for measure, seen, reaches in (("CPU", cpu, _CPU_REACH), ("wall time", wall, _WALL_REACH)):
        for name, most in reaches.items():
            if name in seen:
                ratio = seen["bulkput"].median / seen[name].median
                reach = Reach(at_most=most) if is_tls else Reach()
                found.append(Figure(f"{measure}, bulkput to {name}", ratio, "x", reach))
    return tuple(found)
