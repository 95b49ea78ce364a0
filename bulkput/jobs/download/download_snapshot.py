"""``bulkput download``: a snapshot becomes a file or the content of a block device.

A file grows beside its name and gets it when it is whole. Changes since an older snapshot are
applied in place.
"""

from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bulkput.config.service import ServiceSettings
from bulkput.destination.destination import Target, TargetKind
from bulkput.destination.open import (
    is_device,
    real_path,
    size_of,
)
from bulkput.jobs.download.block_lists import DownloadLists
from bulkput.jobs.download.bring_blocks import Bringing
from bulkput.jobs.download.download_destination import DownloadDestination, refuse_existing
from bulkput.jobs.download.length import (
    Length,
    Present,
    SnapshotSizes,
    length_in_place,
    length_to_give,
    older_content_bytes,
)
from bulkput.jobs.download.outcome import DownloadOutcome
from bulkput.jobs.download.request import DownloadRequest
from bulkput.jobs.lanes.pool import LanePool, open_lanes
from bulkput.jobs.lanes.pool_parts import parts_of_reader
from bulkput.jobs.session.connection import state_dir_of
from bulkput.jobs.session.open import open_snapshot_reader
from bulkput.jobs.session.shared_manifests import fetch_manifests
from bulkput.jobs.session.snapshot_reader import SnapshotReader
from bulkput.jobs.session.snapshots import require_snapshot_id
from bulkput.jobs.state.manifest_at_hand import find_manifest, held_to
from bulkput.ledger.download_state import Restoration
from bulkput.ledger.folder import ensure_state_dir, volume_folder
from bulkput.ledger.manifest import Manifest, manifest_path
from bulkput.model.block import BLOCKS_PER_GIB, GIB_BYTES
from bulkput.model.block import block_count as blocks_of
from bulkput.model.errors import DestinationError, ManifestError
from bulkput.model.events import Noted, Observer, PhaseChanged, VolumeStarted
from bulkput.model.progress import Phase, Progress
from bulkput.pipeline.block_writer import BlockWriter
from bulkput.pipeline.budget import ByteBudget
from bulkput.pipeline.restore import ListWanted, RestoreCounts, RestoreParts

_FOLDER_NAME = "downloads"


async def download_snapshot(
    settings: ServiceSettings, request: DownloadRequest, observer: Observer
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
        refuse_existing(path)
    state_dir = state_dir_of(settings)
    ensure_state_dir(state_dir)
    await fetch_manifests(settings, request.snapshot_id, request.changed_since)
    with ExitStack() as stack:
        restoration = stack.enter_context(Restoration(_folder(state_dir, settings, request, path)))
        # Closed after the workers, which may be writing still when a signal ends the command.
        async with (
            open_snapshot_reader(settings, observer) as gets,
            open_lanes(parts_of_reader(settings, gets)) as lanes,
        ):
            download = _Download(
                gets, request, path, restoration, state_dir, settings.endpoint, stack, lanes
            )
            return await download.run("device" if device else "file")


def _folder(
    state_dir: Path, settings: ServiceSettings, request: DownloadRequest, path: Path
) -> Path:
    key = (
        settings.endpoint,
        settings.region or "",
        request.snapshot_id,
        request.changed_since or "",
        str(path),
    )
    name = f"{request.snapshot_id}"
    return volume_folder(state_dir / _FOLDER_NAME, name, key)


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
    lanes: LanePool | None
    notes: list[str] = field(default_factory=list)
    older_bytes: int = 0
    """As many bytes of a device as the older snapshot describes; behind it may be anything."""

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
        target = await gets.workers.run(partial(self.destination.open, kind, length, self.stack))
        take_up = partial(self.destination.take_up, older_bytes=self.older_bytes)
        block_count = volume_size_gib * BLOCKS_PER_GIB
        await gets.workers.run(partial(take_up, target, length, block_count))
        progress.begin_blocks(target.block_count)
        if not self.restoration.is_fresh:
            self._note("blocks from an earlier run are read and compared")
        progress.phase = Phase.DOWNLOADING
        gets.observer.on_event(PhaseChanged(label, Phase.DOWNLOADING))
        counts = RestoreCounts()
        budget_bytes = gets.tuning.memory_budget_bytes
        get = gets.path(snapshot_id, retrier, progress, memory_budget_bytes=budget_bytes)
        writer = BlockWriter(
            target,
            self.restoration.settled,
            held_to(get, manifest),
            gets.workers,
            ByteBudget(budget_bytes),
            is_blank=self._is_blank(target),
        )
        parts = self._parts(writer, lists.wanted, progress, counts)
        await Bringing(gets, get, retrier, manifest, parts, writer, self.lanes).run()
        await gets.workers.run(partial(self.destination.finish, target))
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

    @property
    def destination(self) -> DownloadDestination:
        return DownloadDestination(self.request, self.path, self.restoration)

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
        """Return the length to give; in place, the same kind of length as is there already.

        Raises:
            DestinationError: the file cannot hold the older snapshot.
            BulkputError: there is no list.
        """
        workers, since = self.gets.workers, self.request.changed_since
        snapshot_id = self.request.snapshot_id
        sizes = await workers.run(partial(self._sizes, snapshot_id, volume_size_gib))
        present = await workers.run(self._present)
        if since is None:
            return length_to_give(sizes, present)
        await lists.require_lineage()
        older_gib = await lists.volume_size_gib(since)
        older = await workers.run(partial(self._sizes, since, older_gib))
        if present.is_device:
            self.older_bytes = older_content_bytes(older, present)
            return length_to_give(sizes, present)
        partial_length_bytes = self.restoration.stored().get("length_bytes")
        length = length_in_place(sizes, older, present, partial_length_bytes)
        if length is not None:
            return length
        right = f"{older.volume_bytes}"
        right += f" or {older.source_bytes}" if older.source_bytes is not None else ""
        what = f"has {present.size_bytes} bytes; a file that holds {since} has {right}"
        raise DestinationError(self.path, what)

    def _present(self) -> Present:
        if not self.path.exists():
            return Present(0, is_device=False)
        return Present(size_of(self.path), is_device(self.path))

    def _sizes(self, snapshot_id: str, volume_size_gib: int) -> SnapshotSizes:
        return SnapshotSizes(volume_size_gib * GIB_BYTES, self._source_size(snapshot_id))

    def _source_size(self, snapshot_id: str) -> int | None:
        """Return how long the source was, if a manifest in the state folder records it."""
        path = manifest_path(self.state_dir, snapshot_id)
        if self.request.whole_volume or not path.exists():
            return None
        try:
            with Manifest.open(path) as manifest:
                return manifest.header.source_size_bytes
        except ManifestError as error:
            note = f"{error}; so the source's length is not known, and the file has the volume's"
            if note not in self.notes:
                self._note(note)
            return None

    def _is_blank(self, target: Target) -> bool:
        """Return whether all that was not written yet is a hole."""
        is_whole = self.request.changed_since is None
        return is_whole and target.kind == "file" and self.restoration.is_fresh

    def _parts(
        self,
        writer: BlockWriter,
        list_wanted: ListWanted,
        progress: Progress,
        counts: RestoreCounts,
    ) -> RestoreParts:
        target, is_whole = writer.target, self.request.changed_since is None
        keeps_others = writer.is_blank or (target.kind == "file" and not is_whole)
        return RestoreParts(
            target=target,
            restoration=self.restoration,
            list_wanted=list_wanted,
            write=writer.write,
            workers=self.gets.workers,
            progress=progress,
            counts=counts,
            # On a device, and in an earlier run's file, anything may be between the blocks.
            zero_others_from=None if keeps_others else blocks_of(self.older_bytes),
            others_are_zeros=is_whole,
        )
