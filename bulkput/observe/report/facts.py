"""What the page of a report has in words and numbers: rows of text, made of a run's story. Pure.

Owns the wording. Every text is plain: the page escapes it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from bulkput.model.block import BLOCK_SIZE_BYTES
from bulkput.model.duration import format_duration
from bulkput.model.size import format_size
from bulkput.observe.plain import one_line
from bulkput.observe.report.story import RunStory, VolumeStory

LIMITERS = {
    "configuration": "the configured rate",
    "snapshot_quota": "the quota of one snapshot",
    "account_quota": "the quota of the account",
    "snapshot_throttles": "throttles of the snapshot",
    "account_throttles": "throttles of the account",
    "in_flight_max": "the configured number in flight",
    "link": "the link, or the latency of the service",
    "processor": "the processor",
    "source": "reading the source",
    "window": "the time of day in which blocks may be put",
}
"""What held calls back, in words."""

_FATE_WORDS = {
    "data": "data, sent",
    "zeros": "zeros, sent",
    "resumed": "there from an earlier run",
    "unchanged": "unchanged",
    "skipped_zero": "zeros, left out",
    "skipped_hole": "holes, left out",
    "verified": "read back and compared",
    "different": "different",
    "repeated": "put more than once",
}
_READ_FATE_WORDS = {"data": "data, got", "zeros": "zeros, got", "skipped_hole": "holes"}
"""Where blocks are not put but got."""
_GOOD = frozenset({"completed", "pending", "equal", "compared", "planned"})
_VERIFIED = {"full": "all of it", "sample": "a sample"}
_READERS = frozenset({"download", "verify", "diff"})
_BLOCKS_PER_GIB = (1 << 30) // BLOCK_SIZE_BYTES


class Row(NamedTuple):
    """A label and its value."""

    label: str
    value: str


class VolumeRow(NamedTuple):
    """One volume in the table of all."""

    name: str
    source: str
    status: str
    is_good: bool
    snapshot: str
    blocks: str
    time: str
    repeated: str
    throttles: str
    verified: str
    hosts: str
    """Of a fleet."""
    error: str


def when(unix_s: float) -> str:
    """Return a moment in UTC."""
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def heading(run: RunStory) -> str:
    """Return what a run is called."""
    job = run.started.get("job")
    what = f"{run.verb} of {job}" if job else run.verb
    return one_line(f"{what} on {run.host or 'an unknown host'}")


def verdict(run: RunStory) -> tuple[str, bool]:
    """Return how a run ended, in a sentence, and whether well."""
    total = max(int(run.started.get("volume_count", 0)), len(run.volumes))
    good = sum(status_of(run, each)[1] for each in run.volumes.values())
    counts = f"{good} of {total} volume{'' if total == 1 else 's'} done"
    took = format_duration(run.last_s)
    if run.exit_code is None:
        return f"Not ended, or killed: {counts} after {took}.", False
    if run.exit_code == 0:
        return f"Completed: {counts} in {took}.", True
    how = "Ended by a signal" if run.exit_code > 128 else "Failed"
    return f"{how} with exit code {run.exit_code}: {counts} after {took}.", False


def status_of(run: RunStory, volume: VolumeStory) -> tuple[str, bool]:
    """Return the status of a volume, and whether it is a good one."""
    if volume.outcome is None:
        return ("running" if run.exit_code is None else "interrupted"), False
    failed = volume.outcome.get("exit_code", 0)
    status = str(volume.outcome.get("status") or ("failed" if failed else "completed"))
    return status, not failed and status in _GOOD


def tiles(run: RunStory) -> list[Row]:
    """Return the figures that one looks for first."""
    moved = sum(map(moved_blocks, run.volumes.values()))
    active_s = sum(
        stop_s - start_s
        for volume in run.volumes.values()
        for phase, start_s, stop_s in volume.phase_spans(run.last_s)
        if phase in {"uploading", "downloading", "verifying"}
    )
    puts, gets = (_calls(run, kind) for kind in ("puts", "gets"))
    hosts = {host for volume in run.volumes.values() for host in volume.hosts}
    rows = [
        Row("took", format_duration(run.last_s)),
        *([Row("hosts", f"{len(hosts):,}")] if hosts else []),
        Row("got" if run.verb in _READERS else "put", format_size(moved * BLOCK_SIZE_BYTES)),
    ]
    if active_s > 0:
        rate = moved * BLOCK_SIZE_BYTES / (1 << 20) / active_s
        rows.append(Row("on average, a volume", f"{rate:,.0f} MiB/s"))
    rows += [
        Row("retries", f"{puts['retried'] + gets['retried']:,}"),
        Row("throttles", f"{puts['throttled'] + gets['throttled']:,}"),
    ]
    cost = cost_usd(run)
    return rows if cost is None else [*rows, Row("for requests", usd(cost))]


def moved_blocks(volume: VolumeStory) -> int:
    """Return the blocks that were put, or got where none was to be put."""
    blocks = volume.progress.get("blocks", {})
    return int(blocks.get("put") or 0) or _succeeded(volume.progress.get("gets"))


def _succeeded(counts: Mapping[str, Any] | None) -> int:
    return 0 if counts is None else max(0, counts["attempts"] - counts["retried"])


def _calls(run: RunStory, kind: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for volume in run.volumes.values():
        for progress in (*volume.repeated, volume.progress):
            counts = progress.get(kind, {})
            found.update({name: int(counts.get(name, 0)) for name in _COUNTS})
    return found


_COUNTS = ("attempts", "retried", "throttled")


def cost_usd(run: RunStory) -> float | None:
    """Return the price of the requests that succeeded; None where no price is known."""
    found = [price for _, _, price in _costs(run)]
    return sum(found) if found else None


def cost_rows(run: RunStory) -> list[Row]:
    """Return what the requests cost, by kind."""
    return [Row(f"{count:,} {kind}", usd(price)) for kind, count, price in _costs(run) if count]


def _costs(run: RunStory) -> Iterator[tuple[str, int, float]]:
    prices = run.configuration.get("prices", {})
    for kind in ("puts", "gets"):
        price = prices.get(f"usd_per_thousand_{kind}")
        if price is not None:
            calls = _calls(run, kind)
            count = max(0, calls["attempts"] - calls["retried"])
            yield kind, count, count * price / 1000


def usd(price: float) -> str:
    """Return a price with as many digits as say something."""
    return f"{price:,.2f} USD" if price >= 1 else f"{price:.4f} USD"


def volume_rows(run: RunStory) -> list[VolumeRow]:
    """Return the table of volumes, those that need a look first."""
    rows = [_volume_row(run, each) for each in run.volumes.values()]
    return sorted(rows, key=lambda row: row.is_good)


def _volume_row(run: RunStory, volume: VolumeStory) -> VolumeRow:
    outcome = volume.outcome or {}
    status, is_good = status_of(run, volume)
    snapshot = outcome.get("snapshot_id") or volume.progress.get("snapshot_id") or ""
    puts, gets = (volume.progress.get(kind) or {} for kind in ("puts", "gets"))
    retried = sum(int(each.get("retried", 0)) for each in (puts, gets))
    throttled = sum(int(each.get("throttled", 0)) for each in (puts, gets))
    end_s = run.last_s if volume.ended_s is None else volume.ended_s
    seed = outcome.get("destination") or ""
    return VolumeRow(
        name=one_line(volume.name),
        source=one_line(str(volume.source or seed)),
        status=status,
        is_good=is_good,
        snapshot=str(snapshot),
        blocks=_blocks(volume),
        time=format_duration(max(0.0, end_s - volume.begun_s)),
        repeated=f"{retried:,}",
        throttles=f"{throttled:,}",
        verified="" if run.verb in _READERS else _VERIFIED.get(str(outcome.get("verified")), "no"),
        hosts=one_line(", ".join(volume.hosts)),
        error=one_line(str(outcome.get("error") or "")),
    )


def _blocks(volume: VolumeStory) -> str:
    blocks = volume.progress.get("blocks") or {}
    words = [
        f"{int(blocks[key]):,} {word}"
        for key, word in (
            *(("put", "put"), ("resumed", "resumed"), ("unchanged", "unchanged")),
            *(("skipped_zero", "zeros left out"), ("skipped_hole", "holes left out")),
            *(("restored", "restored"), ("verified", "compared")),
        )
        if blocks.get(key)
    ]
    total = int(blocks.get("total") or 0)
    size = format_size(total * BLOCK_SIZE_BYTES)
    return f"{', '.join(words) or 'none'} of {total:,} ({size})"


def phase_rows(run: RunStory) -> list[Row]:
    """Return where the time went: the sum of each phase over all volumes, the longest first."""
    spent_s = _sums(
        (phase, stop_s - start_s)
        for volume in run.volumes.values()
        for phase, start_s, stop_s in volume.phase_spans(run.last_s)
    )
    total_s = sum(each for _, each in spent_s) or 1.0
    return [
        Row(phase, f"{format_duration(each)} ({each / total_s:.0%})") for phase, each in spent_s
    ]


def limit_rows(run: RunStory) -> list[Row]:
    """Return what held calls back, and for which share of the time."""
    spent_s = _sums(
        item for volume in run.volumes.values() for item in volume.series.limited_s.items()
    )
    total_s = sum(each for _, each in spent_s)
    return [
        Row(LIMITERS.get(name, name), f"{each / total_s:.0%} of the time")
        for name, each in spent_s
        if total_s and each / total_s >= 0.005
    ]


def _sums(items: Iterable[tuple[str, float]]) -> list[tuple[str, float]]:
    """Return the sum of each name, the largest first."""
    sums: dict[str, float] = {}
    for name, value in items:
        sums[name] = sums.get(name, 0.0) + value
    return sorted(sums.items(), key=lambda item: -item[1])


def fate_rows(run: RunStory, disk_map: Mapping[str, Any]) -> list[tuple[str, Row]]:
    """Return the legend of a map of a disk: fate, its words, and how much of it there is."""
    words = _FATE_WORDS | (_READ_FATE_WORDS if run.verb in _READERS else {})
    rows = []
    for fate in _FATE_WORDS:
        count = sum(disk_map["cells"].get(fate, ()))
        if count:
            size = format_size(count * BLOCK_SIZE_BYTES)
            rows.append((fate, Row(words[fate], f"{count:,} blocks ({size})")))
    return rows


def setting_rows(run: RunStory) -> list[Row]:
    """Return the configuration."""
    return [
        Row(one_line(key), one_line(str(value)))
        for key, value in run.configuration.get("settings", {}).items()
    ]


def version_rows(run: RunStory) -> list[Row]:
    """Return versions and the machine."""
    versions = dict(run.configuration.get("versions", {}))
    versions.setdefault("bulkput", str(run.started.get("program_version", "")))
    rows = [Row(name, str(value)) for name, value in versions.items()]
    for name, value in run.configuration.get("machine", {}).items():
        is_size = name.endswith("_bytes") and isinstance(value, int)
        text = format_size(value) if is_size else str(value)
        rows.append(Row(name.removesuffix("_bytes"), text))
    return [*rows, Row("process", str(run.started.get("process_id", "")))]
