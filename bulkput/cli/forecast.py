"""A forecast as text for people: a paragraph a volume, and the sum of several."""

import time

from bulkput.api.forecast import (
    PRICES_OF,
    Cost,
    EncryptionBasis,
    FailedForecast,
    JobForecast,
    LaterStep,
    Rates,
    VolumeForecast,
)
from bulkput.cli.text import facts, shown
from bulkput.model.duration import format_duration
from bulkput.model.size import format_size
from bulkput.observe.wording import counted

_INDENT = "  "


def forecast_text(forecast: JobForecast) -> str:
    """Return all of ``forecast``, with a line feed at the end."""
    parts = [_paragraph(each, forecast) for each in forecast.volumes]
    if len(forecast.volumes) > 1:
        parts.append("together:\n" + _indented(_cost_rows(forecast.cost, forecast.rates, "")))
    if forecast.steps:
        parts.append("afterwards:\n" + "".join(_step(each) for each in forecast.steps))
    return "".join(parts)


def _step(step: LaterStep) -> str:
    prices = [f"{step.price_usd:,.2f} USD"] if step.price_usd else []
    if step.price_usd_per_month:
        prices.append(f"{step.price_usd_per_month:,.2f} USD a month")
    price = f" ({', then '.join(prices)}, at the prices of {PRICES_OF})" if prices else ""
    return shown(f"{_INDENT}{step.what}{price}") + "\n"


def _paragraph(volume: VolumeForecast | FailedForecast, forecast: JobForecast) -> str:
    head = f"{volume.volume}: {volume.source}\n"
    if isinstance(volume, FailedForecast):
        return shown(head.rstrip("\n")) + "\n" + _indented([("error", volume.error)])
    size = f"{format_size(volume.source_size_bytes)}, a volume of {volume.volume_size_gib:,} GiB"
    if volume.source_format != "raw":
        size = f"{volume.source_format}, decoded while it is read: {size}"
    rows = [
        ("source", size),
        ("blocks", _blocks(volume, by_extents=forecast.by_extents)),
        ("zeros", f"{volume.zeros.policy}: {volume.zeros.reason}"),
        ("encryption", _encryption(volume)),
    ]
    if volume.parent_snapshot_id is not None:
        rows.append(("parent", volume.parent_snapshot_id))
    if volume.resumed is not None:
        rows.append(("resumes", _resumed(volume)))
    rows += _cost_rows(volume.cost, forecast.rates, "at most " if volume.is_upper_bound else "")
    speed = volume.read_bytes_per_s
    if speed is not None:
        duration = format_duration(volume.reading_s)
        rows.append(("reading", f"{duration} at the {format_size(speed)}/s of this reading"))
    rows += [("note", note) for note in volume.notes]
    return shown(head.rstrip("\n")) + "\n" + _indented(rows)


def _indented(rows: list[tuple[str, str]]) -> str:
    return "".join(f"{_INDENT}{line}\n" for line in facts(rows).splitlines())


def _blocks(volume: VolumeForecast, *, by_extents: bool) -> str:
    tally = volume.tally
    parts = [f"{tally.data:,} data"]
    if by_extents and tally.data:
        parts[0] += " (not read, so zeros among them are not counted)"
    if not by_extents or tally.zeros:
        parts.append(counted(tally.zeros, "zero"))
    parts.append(counted(tally.holes, "hole"))
    if tally.resumed:
        parts.append(f"{tally.resumed:,} in the snapshot already")
    if tally.unchanged:
        parts.append(f"{tally.unchanged:,} unchanged since the parent")
    return f"{tally.settled:,}: {', '.join(parts)}"


def _encryption(volume: VolumeForecast) -> str:
    words = {
        EncryptionBasis.REQUESTED: "requested",
        EncryptionBasis.DECLINED: "declined; an account that encrypts by default refuses that",
        EncryptionBasis.SNAPSHOT: "on" if volume.encrypted else "off",
        EncryptionBasis.PARENT: "on" if volume.encrypted else "off",
        EncryptionBasis.ACCOUNT: "left to the account's default, which only StartSnapshot "
        "reports; assumed to be off",
    }[volume.encryption]
    if volume.encryption is EncryptionBasis.SNAPSHOT:
        return f"{words}, as StartSnapshot reported to the earlier run"
    if volume.encryption is EncryptionBasis.PARENT:
        return f"{words}, as the parent's"
    if volume.encryption is not EncryptionBasis.ACCOUNT:
        return words
    if volume.if_encrypted is None:
        return f"{words}. If it is on, the run refuses zeros: {volume.zeros.policy}"
    cost = volume.if_encrypted
    return (
        f"{words}. If it is on, every block is put: {counted(cost.puts, 'put')}, "
        f"{_usd(cost.price_usd)}, {format_duration(cost.time_at_quota_s)}"
    )


def _resumed(volume: VolumeForecast) -> str:
    resumed = volume.resumed
    assert resumed is not None  # noqa: S101 - asked by the caller
    how = "compared with the source" if not resumed.trusted else "not read again"
    if resumed.only_waits:
        how = "all uploaded: only the wait is left"
    what = f"{volume.tally.resumed:,} blocks in {resumed.snapshot_id}, {how}"
    return f"{what}, if EC2 still has it ({resumed.folder})"


def _cost_rows(cost: Cost, rates: Rates, bound: str) -> list[tuple[str, str]]:
    limits = rates.rate_limits
    rate = f"{limits.snapshot_puts_per_s:,g}/s a snapshot, {limits.account_puts_per_s:,g}/s in all"
    if rates.are_published:
        rate += "; `bulkput check` asks for the account's own"
    price = f"{bound}{_usd(cost.price_usd)} at {rates.usd_per_thousand_puts:g} USD per 1,000 puts"
    rows = [
        ("puts", f"{bound}{cost.puts:,}"),
        ("price", price),
        ("time", f"{format_duration(cost.time_at_quota_s)} at the quota ({rate})"),
    ]
    if rates.host is not None and cost.time_on_host_s is not None:
        date = time.strftime("%Y-%m-%d", time.gmtime(rates.host.measured_unix_s))
        speed = f"{rates.host.snapshot_puts_per_s:,.0f}/s a snapshot"
        duration = format_duration(cost.time_on_host_s)
        rows.append(("this host", f"{duration} ({speed}, as bulkput bench measured on {date})"))
    return rows


def _usd(price_usd: float) -> str:
    """Return dollars with cents, or as many digits as a small price needs."""
    return f"{price_usd:,.2f} USD" if price_usd >= 1 or not price_usd else f"{price_usd:.4f} USD"
