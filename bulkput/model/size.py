"""Sizes in bytes, written for people: ``512MiB``, ``1.5 GiB``, ``4096``."""

import re
from decimal import Decimal

_UNITS_BYTES = {
    "": 1,
    "b": 1,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
    "tib": 1 << 40,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
}
_PATTERN = re.compile(r"\s*([0-9]{1,18}(?:\.[0-9]{1,9})?)\s*([A-Za-z]*)\s*")


def parse_size_bytes(text: str | int) -> int:
    """Return the number of bytes that ``text`` names; fractions of a byte round down.

    Raises:
        ValueError: not a size; the message says what was expected.
    """
    match = _PATTERN.fullmatch(str(text))
    unit_bytes = _UNITS_BYTES.get(match[2].lower()) if match else None
    if match is None or unit_bytes is None:
        raise ValueError("expected a size such as 512MiB, 4GiB or 1000000")
    return int(Decimal(match[1]) * unit_bytes)


def format_size(size_bytes: float) -> str:
    """Return ``size_bytes`` with the largest binary unit that leaves at least 1, as ``1.5 GiB``."""
    value = float(size_bytes)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"
