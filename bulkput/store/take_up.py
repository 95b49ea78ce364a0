"""An upload is taken from the store: seen to be nobody else's, held, and its ledger fetched.

Whoever is to hold it writes a cut in the place of the one that was read, with nothing changed but
the writer. So of two that come at once one is refused, and the former writer too.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bulkput.ledger.header import LedgerHeader
from bulkput.ledger.header_file import read_header
from bulkput.ledger.lock import FolderLock
from bulkput.ledger.mirror_record import MirrorRecord, read_mirror_record, write_mirror_record
from bulkput.ledger.segments import SEGMENT_SIZE_BYTES, LedgerReplacement
from bulkput.model.clock import Clock
from bulkput.model.duration import format_duration
from bulkput.model.errors import InUseError, LedgerError, TemporaryError
from bulkput.store.cut import (
    CUT_MAX_BYTES,
    Cut,
    CutFormatError,
    KeptSegment,
    Writer,
    cut_key,
    decode_cut,
    segment_key,
)
from bulkput.store.lease import LEASE_MIN_S, held_for_s, words
from bulkput.store.mirror import Held, LostError, RemovedError, RunBlocking, lost, write_cut
from bulkput.store.object_store import ABSENT, ObjectStore
from bulkput.store.which import LocalLedger, StoredLedger, Take, which

_RACES_MAX = 5
"""Of runs that take it in the same moment: one of them gets through each time."""

_POLL_S = 5.0

Note = Callable[[str], None]
"""Reports to the user one sentence."""

Adapt = Callable[[LedgerHeader, str | None], LedgerHeader]
"""Returns a header from the store, with its samples, as it counts on this host."""


@dataclass(frozen=True)
class _Found:
    """What the store has of one upload."""

    cut: Cut | None
    """None if there is none, or a damaged one."""
    etag: str
    header: LedgerHeader | None
    held_s: float
    """For how long its writer holds it yet."""


class TakeUp:
    """One upload, to be held by one run."""

    def __init__(
        self,
        store: ObjectStore,
        folder: Path,
        writer: Writer,
        *,
        adapt: Adapt,
        note: Note,
        workers: RunBlocking,
        clock: Clock,
    ) -> None:
        """Ask nobody yet.

        Args:
            store: Repeats what fails for a while.
            folder: Of the ledger; exists.
            writer: Of the cuts to come.
            adapt: Fits a header from another host to this one.
            note: Reports to the user what was taken.
            workers: For what blocks.
            clock: For waits.
        """
        self._store = store
        self._folder = folder
        self._writer = writer
        self._adapt = adapt
        self._note = note
        self._workers = workers
        self._clock = clock

    async def take(self, *, only_own: bool = False) -> Held:
        """Hold the upload, and have the ledger in the folder that is to be gone on with.

        Args:
            only_own: The run is under way with its own ledger: the store's is not taken.

        Raises:
            LostError: ``only_own``, and another host has gone on.
            LedgerError: another host or process works on it, or the store is of another version.
            BulkputError: the store could not be read or written.
        """
        lock = None if only_own else await self._workers.run(partial(FolderLock, self._folder))
        try:
            for _ in range(_RACES_MAX):
                own = await self._workers.run(partial(read_mirror_record, self._folder))
                found = await self._free(own, only_own=only_own)
                held = await self._take(found, own, only_own=only_own)
                if held is not None:
                    return held
            raise lost(self._store, self._folder, found.cut)
        finally:
            if lock is not None:
                lock.close()

    async def _take(self, found: _Found, own: MirrorRecord, *, only_own: bool) -> Held | None:
        """Hold what was found; None if somebody else was quicker."""
        local = await self._workers.run(partial(local_ledger, self._folder, own))
        stored = StoredLedger(found.header)
        if found.cut is not None:
            stored = StoredLedger(found.header, found.cut.writer.writer_id, found.cut.sequence)
        take = which(local, stored)
        if only_own and take is Take.STORED:
            raise lost(self._store, self._folder, found.cut)
        before = found.cut or Cut(sequence=0, writer=self._writer, ledger=None)
        writer = replace(self._writer, written_unix_s=self._clock.unix_s())
        cut = replace(before, sequence=before.sequence + 1, writer=writer)
        try:
            held = await write_cut(self._store, self._folder, cut, found.etag)
        except (LostError, RemovedError):
            return None
        if take is Take.STORED and found.header is not None:
            await self._fetch(before, found.header)
        elif local.header is not None and found.header is not None:
            self._note_left(local.header, found.header)
        record = MirrorRecord(cut.writer.writer_id, cut.sequence)
        await self._workers.run(partial(write_mirror_record, self._folder, record))
        return held

    async def _free(self, own: MirrorRecord, *, only_own: bool) -> _Found:
        """Return what the store has once nobody else holds it.

        The folder's lock is held: a run that has written the last cut of this folder is over.

        Raises:
            LedgerError: somebody holds it, and is alive.
        """
        first: int | None = None
        while True:
            found = await self._look()
            cut = found.cut
            if cut is None or found.held_s <= 0 or cut.writer.writer_id == own.writer_id:
                return found
            if only_own:
                raise lost(self._store, self._folder, cut)
            if first is None:
                first = cut.sequence
                self._note(
                    f"{words(cut.writer)} has this upload, by {self._store.shown}: waiting up to "
                    f"{format_duration(found.held_s)} for a sign of life"
                )
            elif cut.sequence != first:
                raise InUseError(
                    self._folder,
                    f"this upload is already running: {words(cut.writer)} works on it, by "
                    f"{self._store.shown}. Wait until it ends, or stop it and run again. If that "
                    "is another disk, give one of the two another name or prefix",
                )
            await self._clock.sleep(min(found.held_s + 0.5, _POLL_S))

    async def _look(self) -> _Found:
        key = cut_key(self._folder.name)
        stored = await self._store.get(key, size_max_bytes=CUT_MAX_BYTES)
        if stored is None:
            return _Found(None, ABSENT, None, 0.0)
        try:
            cut = decode_cut(stored.content)
        except CutFormatError as error:
            what = f"{self._store.shown}/{key} {error}. Use that version, or another state_store"
            raise LedgerError(self._folder, what) from None
        except ValueError as error:
            # Nobody can know who holds it: it is left alone as long as a short lease would last.
            age_s = LEASE_MIN_S if stored.age_s is None else stored.age_s
            self._note(f"{self._store.shown}/{key} cannot be used: {error}")
            if age_s < LEASE_MIN_S:
                await self._clock.sleep(LEASE_MIN_S - age_s)
            return _Found(None, stored.etag, None, 0.0)
        held_s = held_for_s(cut.writer, stored.age_s, self._clock.unix_s())
        try:
            return _Found(cut, stored.etag, cut.header(), held_s)
        except ValueError as error:
            what = f"{self._store.shown}/{key}: the ledger in it cannot be used: {error}"
            advice = f"bulkput {cut.program_version} wrote it. Use that version"
            raise LedgerError(self._folder, f"{what}; {advice}, or another state_store") from None

    async def _fetch(self, cut: Cut, header: LedgerHeader) -> None:
        """Make the store's ledger the folder's: what it does not vouch for counts as sent."""
        adapted = self._adapt(header, cut.samples)
        adapted = replace(adapted, open_boot_id=None, marks_lost=True)
        missing = 0
        begun = await self._workers.run(partial(LedgerReplacement, self._folder, adapted))
        with begun:
            for segment in cut.segments.values() if header.snapshot_id is not None else ():
                content = await self._piece(segment)
                missing += content is None
                await self._workers.run(partial(begun.write, segment.number, content))
            await self._workers.run(begun.finish)
        if header.is_over(wait=True):
            return  # nothing of it is gone on with
        put = cut.acknowledged_blocks
        left_out = cut.settled_blocks - put
        name = header.snapshot_id or "an upload that had just begun"
        lacks = (
            f"; {missing} of its pieces missing or damaged, whose blocks are put again"
            if missing
            else ""
        )
        self._note(
            f"{name} is taken up from {self._store.shown}: {put:,} blocks acknowledged, "
            f"{left_out:,} left out, last written by {words(cut.writer)}{lacks}"
        )

    async def _piece(self, segment: KeptSegment) -> bytes | None:
        key = segment_key(self._folder.name, segment)
        stored = await self._store.get(key, size_max_bytes=SEGMENT_SIZE_BYTES)
        if stored is None or hashlib.sha256(stored.content).hexdigest() != segment.sha256:
            return None
        return stored.content

    def _note_left(self, ours: LedgerHeader, theirs: LedgerHeader) -> None:
        if theirs.snapshot_id in {None, ours.snapshot_id} or theirs.is_over(wait=True):
            return
        self._note(
            f"{theirs.snapshot_id}, which {self._store.shown} has, is not gone on with: this "
            f"host's own upload is further. `bulkput gc` finds it"
        )


def local_ledger(folder: Path, own: MirrorRecord) -> LocalLedger:
    """Return what ``folder`` has, whose own cuts ``own`` is about; a damaged ledger is none."""
    try:
        return LocalLedger(read_header(folder), own.writer_id, own.sequence)
    except (LedgerError, TemporaryError):
        return LocalLedger(None)
