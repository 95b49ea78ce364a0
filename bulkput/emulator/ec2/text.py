"""Texts as EC2's XML has them: escaped, and times in ISO 8601."""

import re
from datetime import UTC, datetime
from xml.sax import saxutils

_NO_XML = re.compile(r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write: it is shown as a question mark."""


def xml_text(text: str) -> str:
    """Return a text as XML has it."""
    return saxutils.escape(_NO_XML.sub("?", text))


def iso(unix_s: float) -> str:
    """Return a time in milliseconds, as EC2 writes it."""
    moment = datetime.fromtimestamp(unix_s, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
