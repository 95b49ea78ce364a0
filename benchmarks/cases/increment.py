"""An increment of 1% against the full snapshot before it and against a mere scan of the source."""

import json
import os
import sys
from pathlib import Path

from benchmarks import sources
from benchmarks.bench import Bench
from benchmarks.measure.process import Usage
from benchmarks.report.result import CaseResult, Figure, Reach
from benchmarks.servers.emulator import Emulator
from bulkput.model.block import BLOCK_SIZE_BYTES, BLOCKS_PER_GIB

_VOLUME_GIB = 16
_RUN_BLOCKS = 64
"""Extents of 32 MiB, as file systems make them for large files."""
_CHANGED = 0.01
_TIMEOUT_S = 900


def run(bench: Bench) -> CaseResult:
    data_gib = max(1, round(bench.options.size_gib))
    source = sources.scattered_file(bench.folder, _VOLUME_GIB, data_gib, _RUN_BLOCKS)
    folder = bench.new_folder("state-series")
    changed_blocks = round(data_gib * BLOCKS_PER_GIB * _CHANGED)
    with Emulator(
        bench.new_folder("emulator"), bench.authority, is_tls=False, latency_ms=0
    ) as emulator:
        full, full_puts = _upload(bench, source, emulator.url, folder)
        bench.log(f"full: {full_puts} puts, {full.wall_s:.2f} s")
        runs, puts = [], 0
        for number in range(bench.options.rounds):
            _change(source, changed_blocks, data_gib, seed=number)
            scan = bench.run(_command("plan", source, emulator.url, folder), "plan", _TIMEOUT_S)
            usage, puts = _upload(bench, source, emulator.url, folder)
            runs.append({"puts": puts, "wall_s": usage.wall_s, "scan_wall_s": scan.wall_s})
            bench.log(f"round {number + 1}: {puts} puts, {usage.wall_s:.2f} s")
    best = min(runs, key=lambda each: each["wall_s"] - each["scan_wall_s"])
    return CaseResult(
        name="increment",
        summary=f"{_CHANGED:.0%} of {data_gib} GiB of random data in a file of "
        f"{_VOLUME_GIB} GiB changed, in single blocks, put as the next of a series, over http.",
        caveats=(
            "The scan is `bulkput plan` without a parent: it reads all data, but hashes nothing.",
            "What an increment takes beyond it is hashing, start, seal and wait.",
            "The round in which that is least counts.",
        ),
        figures=(
            Figure("puts, of the full snapshot's", puts / full_puts, "", Reach(at_most=0.02)),
            Figure("wall time, full snapshot", full.wall_s, "s"),
            Figure("wall time, increment", best["wall_s"], "s"),
            Figure("wall time, scan", best["scan_wall_s"], "s"),
        ),
        rounds=bench.options.rounds,
        runs=tuple(runs),
    )


def _command(verb: str, source: Path, url: str, folder: Path, *flags: str) -> list[str]:
    where = ["--endpoint-url", url, "--state-dir", str(folder / "state"), "--output", "json"]
    return [sys.executable, "-m", "bulkput", verb, str(source), *where, *flags]


def _upload(bench: Bench, source: Path, url: str, folder: Path) -> tuple[Usage, int]:
    """Make the next snapshot of the series; return what it took and its puts."""
    command = _command("upload", source, url, folder, "--series", "bench", "--quiet")
    with bench.start(command, "bulkput") as child:
        usage = child.wait(_TIMEOUT_S)
        return usage, int(json.loads(child.stdout_path.read_text())["blocks"]["put"])


def _change(path: Path, blocks: int, data_gib: int, *, seed: int) -> None:
    """Write new random bytes over every hundredth block that holds data."""
    every = round(1 / _CHANGED)
    spread = _VOLUME_GIB // data_gib
    with path.open("r+b") as file:
        for number in range(blocks):
            block = number * every + seed
            file.seek(sources.scattered_offset_bytes(block, spread, _RUN_BLOCKS))
            file.write(os.urandom(BLOCK_SIZE_BYTES))
