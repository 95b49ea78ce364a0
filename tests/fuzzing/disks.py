"""The look at a disk's content: its format, its signs, its partition table, for any two ends."""

from types import SimpleNamespace

from fuzzing.finding import refused

from bulkput.source.content.examine import examine
from bulkput.source.format import choose_format, detect_format

_SECTORS = (None, 512, 4096, 1, 0xFFFF)
_CHOICES = ("auto", "raw", "qcow2", "gzip")


def examine_disk(content):
    """Look at a beginning and an end; nothing may be raised but the choice's refusal."""
    knobs, content = content[:4].ljust(4, b"\0"), content[4:]
    cut = len(content) * knobs[0] // 255
    head, foot = content[:cut], content[cut:]
    mark = detect_format(head, foot)
    try:
        choose_format(_CHOICES[knobs[1] % len(_CHOICES)], mark)
    except ValueError as error:
        refused(error)
    known = (None, len(content), 1 << 20, 0)[knobs[2] % 4]
    source = SimpleNamespace(
        sector_bytes=_SECTORS[knobs[3] % len(_SECTORS)],
        known_size_bytes=known,
        ends=lambda: (head, foot),
    )
    for is_known_raw in (False, True):
        found = examine(source, is_known_raw=is_known_raw)
        assert all("\n" not in note for note in found.notes)
