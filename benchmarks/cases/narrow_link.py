"""Links that a few puts fill: time and bytes against the ideal, with coldsnap beside bulkput."""

from dataclasses import dataclass

from benchmarks import sources
from benchmarks.bench import Bench
from benchmarks.clients.commands import CLIENTS, Client, bulkput_upload
from benchmarks.measure.process import ChildFailedError
from benchmarks.report.result import CaseResult, Figure, Reach
from benchmarks.servers.emulator import Emulator
from benchmarks.servers.link import Link

_MIB = 1 << 20
_DELAY_S = 0.05
_NAMES = frozenset({"bulkput", "coldsnap"})
_TIMEOUT_IDEALS = 5.0
"""A client that takes five times the ideal is not waited for."""


@dataclass(frozen=True)
class _Way:
    """One link and what goes through it."""

    size_mib: int
    bytes_per_s: float
    time_reach: float
    """Of the ideal; the program's start is in it."""
    bytes_reach: float = 1.02
    cut_share: float = 0.0

    @property
    def ideal_s(self) -> float:
        """What the bytes alone take."""
        return self.size_mib * _MIB / self.bytes_per_s

    @property
    def name(self) -> str:
        """For people."""
        cut = f", {self.cut_share:.1%} of connections cut" if self.cut_share else ""
        return f"{self.size_mib} MiB at {self.bytes_per_s / 1e6:g} MB/s{cut}"


_WAYS = (
    _Way(64, 1e6, 1.10),
    _Way(24, 5e5, 1.15),
    _Way(8, 1e5, 1.15),
    _Way(512, 12.5e6, 1.03),
    _Way(64, 12.5e6, 1.5, 1.05, cut_share=0.005),
)


def run(bench: Bench) -> CaseResult:
    figures, runs = [], []
    clients = [each for each in CLIENTS if each.name in _NAMES & (bench.options.only or _NAMES)]
    for way in _WAYS:
        for client in clients:
            if client.missing() is not None:
                continue
            took_s, sent = _through(bench, way, client)
            runs.append({"way": way.name, "client": client.name, "wall_s": took_s, "sent": sent})
            reaches = (Reach(at_most=way.time_reach), Reach(at_most=way.bytes_reach))
            if client.name != "bulkput":
                reaches = (Reach(), Reach())
            what = f"{client.name}, {way.name}"
            figures += [
                Figure(
                    f"{what}: time", took_s and took_s / way.ideal_s, "of the ideal", reaches[0]
                ),
                Figure(f"{what}: bytes sent", took_s and sent, "of the source", reaches[1]),
            ]
            bench.log(f"{what}: {took_s and round(took_s, 1)} s, {sent:.3f} sent")
    return CaseResult(
        name="narrow_link",
        summary="Through a proxy with one rate for all connections and 50 ms each way, http.",
        caveats=("The proxy takes a whole block at once and is silent until it is through.",),
        figures=tuple(figures),
        runs=tuple(runs),
    )


def _through(bench: Bench, way: _Way, client: Client) -> tuple[float | None, float]:
    """Return the wall time, None for a client that did not end well, and the bytes that it sent."""
    source = sources.random_file(bench.folder, way.size_mib * _MIB)
    with (
        Emulator(bench.new_folder("emulator"), bench.authority, is_tls=False, latency_ms=5) as far,
        Link(
            int(far.url.rsplit(":", 1)[1]),
            bytes_per_s=way.bytes_per_s,
            delay_s=_DELAY_S,
            cut_share=way.cut_share,
        ) as link,
    ):
        folder = bench.new_folder("state")
        command = (
            bulkput_upload(source, link.url, folder)
            if client.name == "bulkput"
            else client.command(source, link.url, folder)
        )
        try:
            usage = bench.run(command, client.name, _TIMEOUT_IDEALS * way.ideal_s + 30)
        except ChildFailedError:
            return None, link.sent_bytes / (way.size_mib * _MIB)
        return usage.wall_s, link.sent_bytes / (way.size_mib * _MIB)
