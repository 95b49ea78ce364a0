"""``bulkput download``: a snapshot becomes a file or the content of a block device.

A file grows beside its name and gets it when it is whole. Changes since an older snapshot are
applied in place.
"""

import hashlib
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from bulkput.config.settings import Settings
from bulkput.destination.destination import Target, TargetKind
from bulkput.destination.open import (
    check_unused,
    is_device,
    open_device,
    open_existing_file,
    open_new_file,
    partial_path,
    real_path,
    replace,
    size_of,
)
from bulkput.jobs.download.block_lists import DownloadLists
from bulkput.jobs.download.in_place_guard import forget_others, require_no_partial_download
from bulkput.jobs.session.open import open_snapshot_reader, state_dir_of
from bulkput.jobs.session.snapshot_reader import SnapshotReader
from bulkput.jobs.session.snapshots import require_snapshot_id
from bulkput.jobs.state.manifest_at_hand import GetBlock, find_manifest, held_to
from bulkput.ledger.download_state import Restoration
from bulkput.ledger.folder import ensure_state_dir, volume_folder
from bulkput.ledger.manifest import Manifest, manifest_path
from bulkput.model.block import BLOCKS_PER_GIB, GIB_BYTES, block_count
from bulkput.model.errors import DestinationError
from bulkput.model.events import Noted, Observer, PhaseChanged, VolumeStarted
from bulkput.model.progress import Phase, Progress
from bulkput.pipeline.restore import ListWanted, RestoreCounts, RestoreParts, restore

_FOLDER_NAME = "downloads"


@dataclass(frozen=True)
class DownloadRequest:
    """What goes where."""

    snapshot_id: str
    destination: Path
    changed_since: str | None = None
    """The snapshot that the destination holds; only what differs is brought."""
    force: bool = False
    """Replace a file that is there."""
    whole_volume: bool = False
    """Give a file the volume's size even where a manifest knows the source's."""


@dataclass(frozen=True)
class Length:
    """How many bytes the destination gets, and how that is known."""

    size_bytes: int
    known_from: str
    """``manifest`` or ``volume``."""


@dataclass(frozen=True)
class DownloadOutcome:
    """What became of a download that came to its end."""

    snapshot_id: str
    destination: Path
    kind: TargetKind
    changed_since: str | None
    length: Length
    total_blocks: int
    counts: RestoreCounts
    gets: dict[str, int]
    elapsed_s: float
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the documented JSON object."""
        return {
            "status": "completed",
            "snapshot_id": self.snapshot_id,
            "changed_since": self.changed_since,
            "destination": str(self.destination),
            "kind": self.kind,
            "size_bytes": self.length.size_bytes,
            "size_from": self.length.known_from,
            "blocks": {
                "total": self.total_blocks,
                "got": self.counts.got,
                "resumed": self.counts.resumed,
                "zero": self.counts.zero,
            },
            "gets": self.gets,
            "elapsed_s": round(self.elapsed_s, 3),
            "notes": list(self.notes),
            "error": None,
            "exit_code": 0,
        }


async def download_snapshot(
    settings: Settings, request: DownloadRequest, observer: Observer
) -> DownloadOutcome:
    """Bring a snapshot to its destination; run again, goes on where it was left.

    Args:
        settings: Region, endpoint, tuning and state folder.
        request: What goes where.
        observer: Hears what happens.

    Raises:
        BulkputError: it is not all there.
    """
    require_snapshot_id(request.snapshot_id)
    if request.changed_since is not None:
        require_snapshot_id(request.changed_since, "--changed-since")
    path = real_path(request.destination)
    device = is_device(path)
    if request.changed_since is not None and not device and not path.exists():
        what = f"does not exist, so it does not hold {request.changed_since}"
        raise DestinationError(path, what)
    if request.changed_since is None and not device and not request.force:
        _refuse_existing(path)
    state_dir = state_dir_of(settings)
    ensure_state_dir(state_dir)
    with ExitStack() as stack:
        restoration = stack.enter_context(Restoration(_folder(state_dir, settings, request, path)))
        # Closed after the workers, which may be writing still when a signal ends the command.
        async with open_snapshot_reader(settings, observer) as gets:
            download = _Download(
                gets, request, path, restoration, state_dir, settings.endpoint, stack
            )
            return await download.run("device" if device else "file")


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise DestinationError(path, "exists; --force replaces it when the download is whole")


def _folder(state_dir: Path, settings: Settings, request: DownloadRequest, path: Path) -> Path:
    key = (
        settings.endpoint,
        settings.region or "",
        request.snapshot_id,
        request.changed_since or "",
        str(path),
    )
    name = f"{request.snapshot_id}"
    return volume_folder(state_dir / _FOLDER_NAME, name, key)


def _is_left_by(stored: Mapping[str, Any], partial_file: Path) -> bool:
    """Return whether the file is the one that an earlier run worked on, of its length still."""
    status = partial_file.stat()
    identity = {"device": status.st_dev, "inode": status.st_ino}
    return stored.get("identity") == identity and stored.get("length_bytes") == status.st_size


@dataclass
class _Download:
    """One download, and what is known of it so far."""

    gets: SnapshotReader
    request: DownloadRequest
    path: Path
    restoration: Restoration
    state_dir: Path
    endpoint: str
    stack: ExitStack
    notes: list[str] = field(default_factory=list)
    older_bytes: int = 0
    """So much of a device is what the older snapshot says; behind it may be anything."""

    async def run(self, kind: TargetKind) -> DownloadOutcome:
        gets, request = self.gets, self.request
        snapshot_id, label = request.snapshot_id, self.path.name
        progress = Progress(label, phase=Phase.PREPARING, snapshot_id=snapshot_id)
        gets.observer.on_event(VolumeStarted(progress, snapshot_id))
        started_s = gets.clock.monotonic_s()
        retrier = gets.new_retrier()
        lists = DownloadLists(gets, snapshot_id, request.changed_since, retrier, label)
        await lists.describe()
        volume_size_gib = await lists.volume_size_gib(snapshot_id)
        length = await self._length(volume_size_gib, lists)
        manifest = await gets.workers.run(partial(self._manifest, snapshot_id))
        older = await gets.workers.run(partial(self._manifest, request.changed_since))
        is_for_good = kind == "device" or request.changed_since is not None
        await lists.check(manifest, older, is_for_good=is_for_good)
        target = await gets.workers.run(partial(self._open, kind, length))
        await gets.workers.run(
            partial(self._take_up, target, length, volume_size_gib * BLOCKS_PER_GIB)
        )
        progress.blocks_total = target.block_count
        if self.restoration.must_recheck:
            self._note("blocks from an earlier run are read and compared")
        progress.phase = Phase.DOWNLOADING
        gets.observer.on_event(PhaseChanged(label, Phase.DOWNLOADING))
        counts = RestoreCounts()
        budget_bytes = gets.tuning.memory_budget_bytes
        get = gets.path(snapshot_id, retrier, progress, memory_budget_bytes=budget_bytes)
        await restore(self._parts(target, lists.wanted, held_to(get, manifest), progress, counts))
        await gets.workers.run(partial(self._finish, target))
        progress.phase = Phase.DONE
        return DownloadOutcome(
            snapshot_id=snapshot_id,
            destination=self.path,
            kind=kind,
            changed_since=request.changed_since,
            length=length,
            total_blocks=target.block_count,
            counts=counts,
            gets=progress.get_counts,
            elapsed_s=gets.clock.monotonic_s() - started_s,
            notes=tuple(self.notes),
        )

    def _note(self, text: str) -> None:
        self.notes.append(text)
        self.gets.observer.on_event(Noted(self.path.name, text))

    def _manifest(self, snapshot_id: str | None) -> Manifest | None:
        """Return what the state folder knows of a snapshot, open until the end. Blocks."""
        if snapshot_id is None:
            return None
        found = find_manifest(
            self.state_dir,
            snapshot_id,
            region=self.gets.service.region,
            endpoint=self.endpoint,
        )
        if found is not None:
            self.stack.callback(found.close)
        return found

    async def _length(self, volume_size_gib: int, lists: DownloadLists) -> Length:
        """Return the length to give; in place, the same kind of length as is there already."""
        request = self.request
        whole = Length(volume_size_gib * GIB_BYTES, "volume")
        known = await self.gets.workers.run(partial(self._source_size, request.snapshot_id))
        wanted = whole if known is None else Length(known, "manifest")
        in_place = self.path.exists()
        has_bytes = await self.gets.workers.run(partial(size_of, self.path)) if in_place else 0
        on_device = in_place and is_device(self.path)
        if on_device and has_bytes >= whole.size_bytes:
            wanted = whole  # whoever reads it there reads all of the volume
        if request.changed_since is None:
            return wanted
        since = request.changed_since
        await lists.require_lineage()
        older_gib = await lists.volume_size_gib(since)
        older_bytes = await self.gets.workers.run(partial(self._source_size, since))
        if on_device:
            self.older_bytes = older_gib * GIB_BYTES
            if older_bytes is not None and has_bytes < self.older_bytes:
                self.older_bytes = older_bytes
            return wanted
        stored = self.restoration.stored()
        if has_bytes == stored.get("length_bytes"):
            return whole if has_bytes == whole.size_bytes else wanted
        if has_bytes == older_gib * GIB_BYTES:
            return whole
        if has_bytes == older_bytes:
            return wanted
        right = f"{older_gib * GIB_BYTES}"
        right += f" or {older_bytes}" if older_bytes is not None else ""
        what = f"has {has_bytes} bytes; a file that holds {since} has {right}"
        raise DestinationError(self.path, what)

    def _source_size(self, snapshot_id: str) -> int | None:
        """Return how long the source was, if a manifest in the state folder tells it."""
        path = manifest_path(self.state_dir, snapshot_id)
        if self.request.whole_volume or not path.exists():
            return None
        with Manifest.open(path) as manifest:
            return manifest.header.source_size_bytes

    def _open(self, kind: TargetKind, length: Length) -> Target:
        if kind == "device":
            target = open_device(self.path, length.size_bytes)
        elif self.request.changed_since is not None:
            target = open_existing_file(self.path, length.size_bytes)
        else:
            check_unused(self.path)
            target = self._open_partial(length)
        self.stack.callback(target.close)
        return target

    def _open_partial(self, length: Length) -> Target:
        """Open what an earlier run left, or a new file; then nothing counts as settled.

        A file system may give a new file the inode of a removed one, so the state alone does not
        tell that the file is the one it speaks of.
        """
        partial_file = partial_path(self.path, self.request.snapshot_id)
        stored = self.restoration.stored()
        if not partial_file.exists():
            self.restoration.forget()
        elif not _is_left_by(stored, partial_file):
            if not self.request.force:
                what = "exists, but does not belong to this download: remove it, or give --force"
                raise DestinationError(partial_file, what)
            self.restoration.forget()
        return open_new_file(partial_file, length.size_bytes)

    def _take_up(self, target: Target, length: Length, block_count: int) -> None:
        facts = {
            "snapshot_id": self.request.snapshot_id,
            "changed_since": self.request.changed_since,
            "destination": hashlib.sha256(str(self.path).encode("utf-8", "replace")).hexdigest(),
            "length_bytes": length.size_bytes,
            "identity": target.identity,
        }
        if self.request.changed_since is not None:
            require_no_partial_download(target, self.restoration)
        self.restoration.open(facts, self.request.snapshot_id, block_count)
        if target.kind == "device" or self.request.changed_since is not None:
            # Neither tells whether somebody else wrote to it since.
            self.restoration.must_recheck = not self.restoration.is_fresh
        if target.kind == "device":
            if self.request.changed_since is not None:
                target.zero_rest_of_block(self.older_bytes)
            return
        if self.request.changed_since is None and self.restoration.is_fresh:
            target.clear()
        else:
            target.set_length()

    def _parts(
        self,
        target: Target,
        list_wanted: ListWanted,
        get: GetBlock,
        progress: Progress,
        counts: RestoreCounts,
    ) -> RestoreParts:
        gets, is_whole = self.gets, self.request.changed_since is None
        budget_bytes = gets.tuning.memory_budget_bytes
        is_new_file = is_whole and target.kind == "file"
        return RestoreParts(
            target=target,
            restoration=self.restoration,
            list_wanted=list_wanted,
            get=get,
            workers=gets.workers,
            progress=progress,
            counts=counts,
            held_blocks_max=gets.held_blocks_max(budget_bytes),
            zero_others_from=block_count(self.older_bytes) if target.kind == "device" else None,
            others_are_zeros=is_whole,
            is_blank=is_new_file and not self.restoration.must_recheck,
        )

    def _finish(self, target: Target) -> None:
        """Make it durable, give a file its name, and forget what was settled."""
        target.sync()
        if target.kind == "file" and self.request.changed_since is None:
            if not self.request.force:
                _refuse_existing(self.path)  # it may have come up meanwhile
            replace(target.path, self.path)
        if self.request.changed_since is None:
            forget_others(target, self.restoration)
        self.restoration.remove()
