"""What reading a snapshot back costs: downloads and comparisons, beside boto3 doing the same."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import sources
from benchmarks.bench import Bench
from benchmarks.clients.commands import bulkput_upload
from benchmarks.measure.summary import rotated, spread
from benchmarks.report.result import Bar, BarChart, CaseResult, Figure, Reach
from benchmarks.servers.emulator import Emulator
from bulkput.model.block import GIB_BYTES

_TIMEOUT_S_PER_GIB = 120.0
_CPU_REACH = 0.75
"""Of boto3's: it checks the same SHA-256 and decrypts the same TLS."""

Command = Callable[[Path, str, str, Path], list[str]]
"""From source, URL, snapshot and an empty folder to the command line."""

_CAVEATS = (
    "The server is bulkput's emulator, on the same cores: compare CPU seconds, not wall times.",
    "boto3 reads with 64 threads, computes and compares every checksum, and paces nothing.",
)


def run_download(bench: Bench) -> CaseResult:
    commands: dict[str, Command] = {
        "bulkput": lambda _, url, snapshot_id, folder: [
            *_bulkput("download", url, folder),
            snapshot_id,
            str(folder / "out.img"),
        ],
        "boto3": lambda _, url, snapshot_id, folder: [
            *_boto3(snapshot_id, folder / "out.img", url)
        ],
    }
    return _run(bench, "download", "written to a sparse file and flushed", commands)


def run_verify(bench: Bench) -> CaseResult:
    commands: dict[str, Command] = {
        "bulkput": lambda source, url, snapshot_id, folder: [
            *_bulkput("verify", url, folder),
            snapshot_id,
            "--source",
            str(source),
        ],
        "boto3": lambda source, url, snapshot_id, _: [
            *_boto3(snapshot_id, source, url),
            "--compare",
        ],
    }
    return _run(bench, "verify", "compared with its source byte for byte", commands)


def _bulkput(verb: str, url: str, folder: Path) -> list[str]:
    where = ["--endpoint-url", url, "--state-dir", str(folder / "state")]
    return [sys.executable, "-m", "bulkput", verb, *where, "--output", "json", "--quiet"]


def _boto3(snapshot_id: str, path: Path, url: str) -> list[str]:
    return [sys.executable, "-m", "benchmarks.clients.boto3_reads", snapshot_id, str(path), url]


def _run(bench: Bench, name: str, how: str, commands: dict[str, Command]) -> CaseResult:
    gib = bench.size_bytes / GIB_BYTES
    source = sources.random_file(bench.folder, bench.size_bytes)
    chosen = [client for client in commands if client in (bench.options.only or commands)]
    runs: list[dict[str, Any]] = []
    folder = bench.new_folder("emulator")
    with Emulator(folder, bench.authority, is_tls=True, latency_ms=0) as server:
        snapshot_id = _uploaded(bench, source, server.url)
        for number in range(bench.options.rounds):
            bench.log(f"round {number + 1} of {bench.options.rounds}")
            for client in rotated(chosen, number):
                work = bench.new_folder(f"{name}-{client}")
                command = commands[client](source, server.url, snapshot_id, work)
                usage = bench.run(command, client, 60 + _TIMEOUT_S_PER_GIB * gib)
                (work / "out.img").unlink(missing_ok=True)
                runs.append({"client": client, **asdict(usage)})
                bench.log(f"  {client}: {usage.cpu_s / gib:.2f} CPU s/GiB, {usage.wall_s:.2f} s")
    return _result(bench, name, how, chosen, runs)


def _uploaded(bench: Bench, source: Path, url: str) -> str:
    """Upload the source and return the snapshot, once EC2 reports that it is completed."""
    state = bench.new_folder("state")
    command = [word for word in bulkput_upload(source, url, state) if word != "--no-wait"]
    with bench.start(command, "upload") as child:
        child.wait(60 + _TIMEOUT_S_PER_GIB * bench.size_bytes / GIB_BYTES)
        return str(json.loads(child.stdout_path.read_text())["snapshot_id"])


def _result(
    bench: Bench, name: str, how: str, clients: list[str], runs: list[dict[str, Any]]
) -> CaseResult:
    gib = bench.size_bytes / GIB_BYTES

    def values(client: str, key: str) -> list[float]:
        return [run[key] for run in runs if run["client"] == client]

    cpu = {client: spread([each / gib for each in values(client, "cpu_s")]) for client in clients}
    rows = tuple(
        (
            client,
            cpu[client].median,
            f"{cpu[client].least:.2f} - {cpu[client].most:.2f}",
            spread(values(client, "wall_s")).median,
            spread(values(client, "peak_rss_bytes")).median / (1 << 20),
        )
        for client in clients
    )
    figures: tuple[Figure, ...] = ()
    if len(cpu) == 2:
        ratio = cpu["bulkput"].median / cpu["boto3"].median
        figures = (Figure("CPU, bulkput to boto3", ratio, "x", Reach(at_most=_CPU_REACH)),)
    return CaseResult(
        name=name,
        summary=f"{gib:g} GiB of a snapshot of random data, {how}, over TLS.",
        caveats=_CAVEATS,
        figures=figures,
        columns=("client", "CPU s/GiB", "least - most", "wall s", "peak RSS MiB"),
        rows=rows,
        rounds=bench.options.rounds,
        runs=tuple(runs),
        bar_chart=BarChart(
            title=f"CPU of the client per GiB, {name}",
            unit="CPU seconds (user + system) per GiB, median with least and most; less is better",
            bars=tuple(Bar(client, *cpu[client]) for client in clients),
        ),
    )
