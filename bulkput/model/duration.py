"""Durations in seconds, written for people: ``90s``, ``1.5h``, ``250ms``, ``1h30m``."""

import re

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
_PART = re.compile(r"\s*([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(ms|min|s|m|h|d)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+\s*")


def parse_duration_s(text: str | float) -> float:
    """Return the seconds that ``text`` names; a plain number is seconds.

    Raises:
        ValueError: not a duration; the message says what was expected.
    """
    try:
        seconds = float(text)
    except ValueError:
        if _WHOLE.fullmatch(str(text)) is None:
            raise ValueError("expected a duration such as 90s, 15m, 1h30m or 250ms") from None
        return sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(str(text)))
    if not 0 <= seconds < float("inf"):
        raise ValueError("expected a duration of zero or more, such as 90s")
    return seconds


def format_duration(duration_s: float) -> str:
    """Return the two largest units of a duration: ``1h 05m``, ``3m 07s``, ``4.2s``."""
    if duration_s < 60:
        return f"{duration_s:.1f}s"
    whole_s = round(duration_s)
    if whole_s < 3600:
        return f"{whole_s // 60}m {whole_s % 60:02d}s"
    return f"{whole_s // 3600}h {whole_s % 3600 // 60:02d}m"
