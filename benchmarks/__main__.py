"""``python -m benchmarks``: runs cases, prints and keeps what they found."""

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from benchmarks.bench import Bench, Options
from benchmarks.cases.registry import CASES
from benchmarks.clients.commands import CLIENTS
from benchmarks.machine import describe_machine
from benchmarks.measure.process import ChildFailedError
from benchmarks.report import store
from benchmarks.report.markdown import CAVEATS
from benchmarks.servers.authority import make_authority

_RESULTS = Path(__file__).parent / "results"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure bulkput beside its competitors."
    )
    parser.add_argument("case", nargs="*", help="cases to run; all if none is named")
    parser.add_argument("--list", action="store_true", help="list the cases and end")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each measurement (3)")
    parser.add_argument("--size-gib", type=float, help="random data for the clients (4)")
    parser.add_argument("--quick", action="store_true", help="2 GiB and phases half as long")
    parser.add_argument("--duration-s", type=float, help="length of each pacing case (60)")
    parser.add_argument("--only", default="", help="clients that take part, with commas between")
    parser.add_argument("--work-dir", type=Path, help="for sources: 20 GiB free, a fast disk")
    parser.add_argument("--output-dir", type=Path, default=_RESULTS, help="for the results")
    given = parser.parse_args()
    known = {client.name for client in CLIENTS}
    for names, all_names in ((given.case, set(CASES)), (_words(given.only), known)):
        unknown = sorted(set(names) - all_names)
        if unknown:
            parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(sorted(all_names))}")
    return given


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def _leave(_number: int, _frame: object) -> None:
    """Leave by an exception, so that every server and client is ended on the way out."""
    sys.exit("stopped")


def main() -> int:
    given = _arguments()
    if given.list:
        for case in CASES.values():
            print(f"{case.name:18} {case.about}")
        return 0
    signal.signal(signal.SIGTERM, _leave)
    options = Options(
        rounds=given.rounds,
        size_gib=given.size_gib or (2 if given.quick else 4),
        duration_s=given.duration_s or (45 if given.quick else 60),
        only=frozenset(_words(given.only)),
    )
    for caveat in CAVEATS:
        print(f"- {caveat}")
    failed = []
    for name in given.case or CASES:
        machine = describe_machine()
        print(f"\n{name}: {CASES[name].about}", file=sys.stderr)
        # A folder for each case: what it leaves would fill the disk and the page cache of the next.
        with tempfile.TemporaryDirectory(prefix="bulkput-bench-", dir=given.work_dir) as text:
            folder = Path(text)
            bench = Bench(options, folder, make_authority(folder))
            try:
                result = CASES[name].run(bench)
            except ChildFailedError as error:
                failed.append(name)
                print(f"{name} failed: {error}", file=sys.stderr)
                continue
        store.save(given.output_dir, result, options, machine)
        print("\n" + "\n".join(store.sections(given.output_dir, [name])))
    store.write_page(given.output_dir, CASES)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
