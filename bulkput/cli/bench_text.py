"""What ``bulkput bench`` found, as text for people."""

from typing import TYPE_CHECKING

from bulkput.cli.text import facts
from bulkput.model.duration import format_duration

if TYPE_CHECKING:
    from bulkput.api.bench import Connecting, HostReport, Measured, ServiceReport


def host_text(report: "HostReport") -> str:
    """Return the measurements, and in sentences what they mean."""
    verdict = report.verdict
    one, all_ = verdict.snapshot_puts_per_s, verdict.all_puts_per_s
    rows = _measured_rows(report.measured)
    rows += [
        (
            "one snapshot",
            f"{one:,.0f} puts/s: 1 TiB of data takes {format_duration(verdict.tib_s)}",
        ),
        ("several", f"{all_:,.0f} puts/s together"),
        ("verdict", verdict.sentence),
    ]
    rows += [("change", text) for text in verdict.advice]
    return facts(rows)


def service_text(report: "ServiceReport") -> str:
    """Return what the upload of the GiB took."""
    puts = f"{report.puts:,} in {format_duration(report.upload_s)}: {report.puts_per_s:,.0f}/s"
    return facts(
        [
            ("snapshot", f"{report.snapshot_id}, 1 GiB, deleted again"),
            ("puts", f"{puts}, {report.throttled} throttled, {report.retried} retried"),
            ("1 TiB", f"{format_duration(report.tib_s)} at this rate"),
        ]
    )


def _measured_rows(measured: "Measured") -> list[tuple[str, str]]:
    processor, name = measured.processor, measured.host.get("processor", "")
    rows = [
        ("processor", f"{name}, {measured.processors} usable, load {measured.load:.1f}"),
        ("memory", f"{_speed(processor.memory_bytes_per_s)} copied"),
        ("zero scan", f"{_speed(processor.zero_scan_bytes_per_s)} by one thread"),
        ("SHA-256", f"{_speed(processor.sha256_bytes_per_s)} by one thread"),
        ("TLS", f"{_speed(processor.tls_bytes_per_s)} by one thread"),
    ]
    for each in measured.putting:
        many = "1 process" if each.processes == 1 else f"{each.processes} processes"
        cost = f"{1000 * each.cpu_s_per_put:.2f} ms of a processor each"
        rows.append(("upload", f"{each.puts_per_s:,.0f} puts/s by {many}, {cost}"))
    if measured.reading is not None:
        direct = measured.reading.direct_bytes_per_s
        past = "" if direct is None else f"{_speed(direct)} past the cache, "
        cached = f"{_speed(measured.reading.cached_bytes_per_s)} through it"
        rows.append(("source", f"{past}{cached}"))
    if measured.connecting is not None:
        rows.append(("endpoint", _way(measured.connecting)))
    return rows


def _way(way: "Connecting") -> str:
    steps = [f"{_ms(way.connect_s)} to connect"]
    if way.handshake_s is not None:
        steps.append(f"{_ms(way.handshake_s)} for TLS")
    steps.append(f"{_ms(way.first_byte_s)} to the first byte")
    return f"{way.endpoint}: {', '.join(steps)}"


def _speed(bytes_per_s: float) -> str:
    """Return bytes a second in the units that disks and networks are sold in."""
    if bytes_per_s >= 1e9:
        return f"{bytes_per_s / 1e9:.1f} GB/s"
    return f"{bytes_per_s / 1e6:,.0f} MB/s"


def _ms(duration_s: float) -> str:
    return f"{1000 * duration_s:.1f} ms"
