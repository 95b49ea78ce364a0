"""The same disk in every format that is read: throughput and CPU beside the raw file."""

import gzip
import lzma
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import sources
from benchmarks.bench import Bench
from benchmarks.clients.commands import bulkput_upload
from benchmarks.measure.process import Usage
from benchmarks.measure.summary import rotated, spread
from benchmarks.report.result import CaseResult, Figure
from benchmarks.servers.sink import Sink

_SIZE_MIB = 256
"""xz takes a minute to make a GiB, longer than all uploads together."""
_TIMEOUT_S = 600
_MIB = 1 << 20

Make = Callable[[Path, Path], None]
_ByFormat = dict[str, list[Usage]]


def _image(*options: str) -> Make:
    def make(raw: Path, path: Path) -> None:
        subprocess.run(["qemu-img", "convert", "-f", "raw", *options, raw, path], check=True)

    return make


def _compressed(open_for_writing: Callable[..., object], raw: Path, path: Path) -> None:
    with raw.open("rb") as source, open_for_writing(path, "wb") as target:  # type: ignore[attr-defined] # both are files
        shutil.copyfileobj(source, target, _MIB)


def _zstd(raw: Path, path: Path) -> None:
    from backports import zstd  # noqa: PLC0415 - an extra

    _compressed(zstd.open, raw, path)


_FORMATS: dict[str, Make] = {
    "qcow2": _image("-O", "qcow2"),
    "qcow2, compressed": _image("-c", "-O", "qcow2"),
    "vmdk, streamOptimized": _image("-O", "vmdk", "-o", "subformat=streamOptimized"),
    "vhd": _image("-O", "vpc", "-o", "force_size"),
    "vhdx": _image("-O", "vhdx"),
    "vdi": _image("-O", "vdi"),
    "gzip": partial(_compressed, partial(gzip.open, compresslevel=1)),
    "xz": partial(_compressed, partial(lzma.open, preset=0)),
    "zstd": _zstd,
}


def run(bench: Bench) -> CaseResult:
    raw = sources.half_random_file(bench.folder, _SIZE_MIB * _MIB)
    paths = {"raw": raw}
    for name, make in _FORMATS.items():
        paths[name] = raw.with_name(f"disk.{len(paths)}")
        make(raw, paths[name])
        sources.warm(paths[name])
        bench.log(f"made {name}, {paths[name].stat().st_size / _MIB:.0f} MiB")
    seen = _ByFormat({name: [] for name in paths})
    with Sink(bench.new_folder("sink"), bench.authority, volume_size_gib=1) as sink:
        for number in range(bench.options.rounds):
            for name in rotated(list(paths), number):
                command = bulkput_upload(
                    paths[name],
                    sink.url(is_tls=False),
                    bench.new_folder("state-formats"),
                    *("--volume-size-gib", "1"),
                )
                seen[name].append(bench.run(command, "bulkput", _TIMEOUT_S))
                bench.log(f"round {number + 1}: {name}: {seen[name][-1].wall_s:.2f} s")
    return CaseResult(
        name="formats",
        summary=f"{_SIZE_MIB} MiB, half of it random, as a raw file and in every other format, "
        "over plain http.",
        caveats=(
            "The time of starting the program is part of the throughput: compare with raw.",
            "Two cores carry bulkput, QEMU and the sink; CPU seconds are bulkput's and QEMU's.",
            "1000 puts/s are the ceiling: 500 MiB/s.",
        ),
        figures=tuple(
            figure
            for name, usages in seen.items()
            for figure in (
                Figure(
                    f"{name}, whole upload",
                    _SIZE_MIB / spread([usage.wall_s for usage in usages]).median,
                    "MiB/s",
                ),
                Figure(f"{name}, CPU", spread([usage.cpu_s for usage in usages]).median, "s"),
            )
        ),
        rounds=bench.options.rounds,
        runs=tuple(
            {"format": name, "wall_s": usage.wall_s, "cpu_s": usage.cpu_s}
            for name, usages in seen.items()
            for usage in usages
        ),
    )
