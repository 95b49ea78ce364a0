"""A link that narrows to a twelfth and comes back: the number in flight has to follow."""

import json
import threading
import time
from dataclasses import asdict, dataclass

from benchmarks import sources
from benchmarks.bench import Bench
from benchmarks.clients.commands import bulkput_upload
from benchmarks.report.result import CaseResult, Figure, Reach
from benchmarks.servers.emulator import Emulator
from benchmarks.servers.link import Link

_MIB = 1 << 20
_WIDE_BYTES_PER_S = 12.5e6
_NARROW_BYTES_PER_S = 1e6
_PHASE_S = 30.0
_DELAY_S = 0.05
_SIZE_MIB = 768
"""375 MB in the first phase, 30 in the second, and half a minute for what is left."""

_LOOK_S = 0.25
_WINDOW_S = 4.0
_SHARE = 0.9
_REACH_S = 15.0


@dataclass(frozen=True)
class _Sample:
    at_s: float
    sent_bytes: int


class _Watch:
    """Changes the link when its time has come, and counts what is sent."""

    def __init__(self, link: Link) -> None:
        self.samples: list[_Sample] = []
        self.changed_at_s: list[float] = []
        self._link = link
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        while self._link.sent_bytes < _MIB and not self._is_over.wait(_LOOK_S):
            pass
        rates = iter((_NARROW_BYTES_PER_S, _WIDE_BYTES_PER_S))
        began_s = time.monotonic()
        while not self._is_over.wait(_LOOK_S):
            now_s = time.monotonic() - began_s
            self.samples.append(_Sample(now_s, self._link.sent_bytes))
            if now_s >= _PHASE_S * (1 + len(self.changed_at_s)):
                rate = next(rates, None)
                if rate is not None:
                    self._link.bytes_per_s = rate
                    self.changed_at_s.append(now_s)


def run(bench: Bench) -> CaseResult:
    source = sources.random_file(bench.folder, _SIZE_MIB * _MIB)
    with (
        Emulator(bench.new_folder("emulator"), bench.authority, is_tls=False, latency_ms=5) as far,
        Link(
            int(far.url.rsplit(":", 1)[1]), bytes_per_s=_WIDE_BYTES_PER_S, delay_s=_DELAY_S
        ) as link,
    ):
        command = bulkput_upload(source, link.url, bench.new_folder("state"))
        watch = _Watch(link)
        try:
            with bench.start(command, "bulkput") as child:
                child.wait(10 * _PHASE_S)
                puts = json.loads(child.stdout_path.read_text())["puts"]
        finally:
            watch.stop()
        sent = link.sent_bytes / (_SIZE_MIB * _MIB)
    rates = (_NARROW_BYTES_PER_S, _WIDE_BYTES_PER_S)
    waits = [
        _until_held(watch.samples, changed_s, rate)
        for changed_s, rate in zip(watch.changed_at_s, rates, strict=True)
    ]
    names = ("12.5 to 1 MB/s", "back to 12.5 MB/s")
    reach = Reach(at_most=_REACH_S)
    return CaseResult(
        name="link_step",
        summary="A link of 12.5 MB/s narrows to 1 MB/s for half a minute, 50 ms each way, http.",
        caveats=(f"A level counts as reached when {_WINDOW_S:g} s hold {_SHARE:.0%} of it.",),
        figures=(
            *(
                Figure(f"{name}: until 90% of the link", wait_s, "s", reach)
                for name, wait_s in zip(names, waits, strict=True)
            ),
            Figure("puts repeated", puts["retried"], "", Reach(at_most=0)),
            Figure("bytes sent", sent, "of the source", Reach(at_most=1.02)),
        ),
        runs=({"puts": puts, "samples": [asdict(each) for each in watch.samples]},),
    )


def _until_held(samples: list[_Sample], changed_s: float, bytes_per_s: float) -> float | None:
    """Return how long after a change a window held its share; None if none did."""
    after = [each for each in samples if each.at_s >= changed_s]
    for first in after:
        last = next((each for each in after if each.at_s >= first.at_s + _WINDOW_S), None)
        if last is None:
            return None
        rate = (last.sent_bytes - first.sent_bytes) / (last.at_s - first.at_s)
        if rate >= _SHARE * bytes_per_s:
            return last.at_s - changed_s
    return None
