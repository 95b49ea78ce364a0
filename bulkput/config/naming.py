"""What volumes are called: as they are named, else by as much of the source's path as it takes.

Owns the rule and what may be in a name. Pure.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from bulkput.config.paths import STANDARD_INPUT
from bulkput.model.address import is_address, parse_address

SAMPLE_LABEL = "sample"
STANDARD_INPUT_LABEL = "stdin"
STANDARD_INPUT_SHOWN = "standard input"

LETTERS = (
    "A-Za-z0-9_"
    "\u00b7\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u037d\u037f-\u167f\u1681-\u1fff"
    "\u2070-\u218f\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufefe\uff00-\uffef"
    "\U00010000-\U000effff"
)
"""Letters and digits of any script, as a class that Python and ECMAScript read alike: the NameChar
of XML 1.0 without ``:``, white space, and what is invisible."""

_NOT_IN_ASCII_NAMES = re.compile(r"[^A-Za-z0-9_.-]")
"""As the whole class, which takes 4 ms to compile and most names do not need."""


class NameFacts(NamedTuple):
    """What a volume's name is made of."""

    name: str | None
    """As it was given."""
    path: Path | str | None
    """Of the source; None is a sample."""


def source_label(path: Path | str | None) -> str:
    """Return the name that a volume gets from its source's path alone; None is a sample."""
    if path is None:
        return SAMPLE_LABEL
    if path == STANDARD_INPUT:
        return STANDARD_INPUT_LABEL
    return _cleaned(Path(shown_source(path)).name) or "volume"


def shown_source(path: Path | str | None) -> str:
    """Return what a source is called wherever it is reported: no secret of a signed URL."""
    if path == STANDARD_INPUT:
        return STANDARD_INPUT_SHOWN
    text = str(path)
    try:
        return parse_address(text).shown if isinstance(path, str) and is_address(text) else text
    except ValueError:
        return "address"


def distinct_labels(volumes: Sequence[NameFacts]) -> list[str]:
    """Return each volume's label; those without a name get more of the path where it is needed.

    Two labels are the same only if neither names nor paths distinguish the volumes.
    """
    labels = [facts.name or source_label(facts.path) for facts in volumes]
    counts = Counter(map(same_name, labels))
    alike: dict[str, list[int]] = defaultdict(list)
    taken = set()
    for index, facts in enumerate(volumes):
        label = same_name(labels[index])
        if facts.name is None and counts[label] > 1 and len(_parts(facts.path)) > 1:
            alike[label].append(index)
        else:
            taken.add(label)
    for group in alike.values():
        longer = _distinguishing([_parts(volumes[index].path) for index in group], taken)
        taken.update(longer)
        for index, label in zip(group, longer, strict=True):
            labels[index] = label
    return labels


def _distinguishing(paths: Sequence[tuple[str, ...]], taken: set[str]) -> list[str]:
    """Return names of as many parts, from the end, as distinguish most of ``paths``."""
    best: list[str] = []
    best_count = -1
    for depth in range(2, max(map(len, paths)) + 1):
        names = [_cleaned("/".join(parts[-depth:])) for parts in paths]
        count = len(set(names) - taken)
        if count > best_count:
            best, best_count = names, count
        if count == len(paths):
            break
    return best


def same_name(text: str) -> str:
    """Return ``text`` in the form in which two names that look alike are equal."""
    return unicodedata.normalize("NFC", text)


def _parts(path: Path | str | None) -> tuple[str, ...]:
    """Return the parts of a path that can be in a name; none where there is only one name."""
    if path is None or path == STANDARD_INPUT:
        return ()
    return tuple(part for part in PurePosixPath(shown_source(path)).parts if part != "/")


def _cleaned(text: str) -> str:
    name = same_name(text)
    if name.isascii():
        return _NOT_IN_ASCII_NAMES.sub("_", name)
    return re.sub(f"[^{LETTERS}.-]", "_", name)
