"""The manifest in the state folder, if there is one: what is read of the snapshot must agree.

It was kept when the snapshot was made, or read once before, so it owes nothing to the answers of
today.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np

from bulkput.ebs.snapshot import GotBlock
from bulkput.ledger.manifest import Manifest, manifest_path
from bulkput.model.errors import AnswerError, IntegrityError, ManifestError
from bulkput.model.snapshot_id import is_snapshot_id
from bulkput.pipeline.list_check import ListedBlocks, Presence

GetBlock = Callable[[int, str], Awaitable[GotBlock]]
"""Block index and token to the block."""

_WINDOW_BLOCKS = 1 << 15
"""Two times 1 MiB of digests."""


def locate_manifest(state_dir: Path, target: str) -> Path:
    """Return the file that ``target`` names: a path, or a snapshot whose manifest is kept here."""
    given = Path(target)
    is_kept = is_snapshot_id(target) and not given.exists()
    return manifest_path(state_dir, target) if is_kept else given


def snapshots_with_manifest(state_dir: Path) -> list[str]:
    """Return the ids of the snapshots whose manifests are kept here, in order."""
    folder = manifest_path(state_dir, "snap").parent
    return sorted(path.stem for path in folder.glob("snap-*.manifest"))


def open_manifest(
    path: Path, snapshot_id: str, *, region: str, endpoint_url: str | None, is_named: bool = False
) -> Manifest:
    """Open the manifest of this very snapshot. Blocks.

    Args:
        path: Of the file.
        snapshot_id: Which snapshot.
        region: Where it is.
        endpoint_url: None is AWS.
        is_named: The user named the file: it may be anybody's.

    Raises:
        LedgerError: it is kept in the state folder, and another user's or a link.
        ManifestError: it is missing, damaged, of another version, or of another snapshot.
    """
    manifest = Manifest.open(path, is_named=is_named)
    header = manifest.header
    if (header.snapshot_id, header.region, header.endpoint_url) != (
        snapshot_id,
        region,
        endpoint_url,
    ):
        place = f"{header.region} at {header.endpoint_url or 'AWS'}"
        what = f"is the manifest of {header.snapshot_id} in {place}, not of {snapshot_id}"
        raise ManifestError(path, what)
    return manifest


def find_manifest(
    state_dir: Path, snapshot_id: str, *, region: str, endpoint: str
) -> Manifest | None:
    """Return the manifest of the snapshot, open; None if there is none that can be used. Blocks.

    Args:
        state_dir: Where it would be.
        snapshot_id: Which snapshot.
        region: Where the snapshot is.
        endpoint: ``aws``, ``embedded`` or a URL.
    """
    path = manifest_path(state_dir, snapshot_id)
    url = None if endpoint == "aws" else endpoint
    try:
        return open_manifest(path, snapshot_id, region=region, endpoint_url=url)
    except ManifestError:
        return None


def presences(manifest: Manifest | None) -> tuple[tuple[str, Presence], ...]:
    """Return what a list is to agree with, in the form in which lists are checked."""
    return () if manifest is None else ((f"the manifest {manifest.path}", manifest),)


def held_to(get: GetBlock, manifest: Manifest | None) -> GetBlock:
    """Return ``get`` with a check: bytes other than the manifest's are an ``IntegrityError``."""
    if manifest is None:
        return get

    async def held(index: int, token: str) -> GotBlock:
        got = await get(index, token)
        if manifest.digests(index, index + 1)[0].tobytes() != got.digest:
            raise IntegrityError(
                f"block {index} of {manifest.header.snapshot_id} was answered with other bytes "
                f"than its manifest has ({manifest.path})"
            )
        return got

    return held


def require_changes(first: Manifest | None, second: Manifest | None, changed: ListedBlocks) -> None:
    """Return if the list of changes has every block in which the manifests differ. Blocks.

    Raises:
        AnswerError: one is not.
    """
    if first is None or second is None:
        return
    count = max(first.header.block_count, second.header.block_count)
    for start in range(0, count, _WINDOW_BLOCKS):
        stop = min(start + _WINDOW_BLOCKS, count)
        before, after = first.present(start, stop), second.present(start, stop)
        differ = before != after
        both = before & after
        if both.any():
            same = (first.digests(start, stop) == second.digests(start, stop)).all(axis=1)
            differ |= both & ~same
        missed = np.flatnonzero(differ & ~changed.present(start, stop))
        if len(missed):
            what = (
                f"it lacks block {start + int(missed[0])}, which is not the same in the manifests "
                f"{first.path} and {second.path}"
            )
            raise AnswerError("ListChangedBlocks", what, snapshot_id=second.header.snapshot_id)
