"""What of a source's identity travels to another host, where its device and inode are others.

An object's identity is its address and version, the same anywhere. A file's or device's is not: on
another host it counts only if some of the content is the same, and where it is another file it
counts only under ``resume: trust``, by size, time of the last change and those samples. That is no
proof, which only ``verify`` gives; it is what keeps the user's word from meaning another disk.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from bulkput.ledger.header import LedgerHeader
from bulkput.model.errors import SourceError
from bulkput.source.source import Source

_SAMPLES = 8
"""Blocks, the first and the last among them: 4 MiB, some hundredths of a second, on a magnetic disk
a tenth. Partition tables and superblocks lie there, which differ between any two disks in use."""

_TRAVELS = frozenset({"kind", "size_bytes", "mtime_ns"})
_LOCAL_KINDS = frozenset({"file", "device"})


def sample_digest(source: Source) -> str | None:
    """Return the SHA-256 of some blocks, in hex; None where they cannot be had without all. Blocks.

    What cannot be read is for the upload to report.
    """
    if source.is_sequential or source.kind not in _LOCAL_KINDS or not source.block_count:
        return None
    last = source.block_count - 1
    digest = hashlib.sha256()
    try:
        for index in sorted({last * part // (_SAMPLES - 1) for part in range(_SAMPLES)}):
            window = source.read_window(index, 1)
            try:
                digest.update(window.block(index))
            finally:
                window.close()
    except SourceError:
        return None
    return digest.hexdigest()


def adapted_to(
    source: Source,
    samples: str | None,
    resume: Literal["auto", "trust", "verify"],
    header: LedgerHeader,
    recorded_samples: str | None,
) -> LedgerHeader:
    """Return a ledger's header from another host with the source's identity as it counts here.

    Args:
        source: As it was opened by this run.
        samples: Of it.
        resume: As configured.
        header: From the store.
        recorded_samples: Of the source that the other host read.
    """
    own, recorded = source.identity.as_dict(), dict(header.source_identity)
    if source.kind not in _LOCAL_KINDS or recorded.get("kind") != own.get("kind"):
        return header
    if own == recorded and recorded_samples == samples:
        return header
    same = samples is not None and samples == recorded_samples
    if resume == "trust" and same and _travelling(own) == _travelling(recorded):
        return replace(header, source_identity=own)
    return replace(header, source_identity={})


def _travelling(identity: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in identity.items() if name in _TRAVELS}
