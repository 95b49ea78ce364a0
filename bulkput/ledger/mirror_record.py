"""What a ledger's folder knows of its own cuts: by it a later run knows if another host went on.

``mirror.json`` beside the ledger. If it cannot be read, the store's cut is taken for another
host's, which costs the seconds since it.
"""

import json
import os
from pathlib import Path
from typing import NamedTuple

from bulkput.ledger.header_schema import check_kinds, parse_facts
from bulkput.ledger.state_file import read_state_file, replace_file
from bulkput.model.errors import LedgerError

MIRROR_NAME = "mirror.json"
_MAX_BYTES = 4096


class MirrorRecord(NamedTuple):
    """The last cut that was made of this folder, or was about to be."""

    writer_id: str | None
    sequence: int


def read_mirror_record(folder: Path) -> MirrorRecord:
    """Return it, or one of nobody. Blocks."""
    try:
        facts = parse_facts(read_state_file(folder / MIRROR_NAME, _MAX_BYTES))
        check_kinds(facts, MirrorRecord)
        return MirrorRecord(**facts)
    except (OSError, LedgerError, ValueError, TypeError):
        return MirrorRecord(None, 0)


def may_be_mirrored(folder: Path) -> bool:
    """Return whether a store may have this ledger; a record that cannot be read says so too."""
    return os.path.lexists(folder / MIRROR_NAME)


def write_mirror_record(folder: Path, record: MirrorRecord) -> None:
    """Store it, durably. Blocks.

    Raises:
        LedgerError: it cannot be written.
        TemporaryError: the disk is full.
    """
    replace_file(folder / MIRROR_NAME, json.dumps(record._asdict()).encode("ascii"))
