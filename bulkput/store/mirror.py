"""One upload's ledger in the store: cuts of it again and again, beside the upload, never before it.

A cut is the header, read first, then the pieces of the table that changed, one after the other,
then the object that lists them, which alone makes them count. So the table of a cut is at least as
new as its header, and an interrupted cut leaves the former one whole. Reads the ledger's files and
knows nothing of who writes them.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from bulkput.ledger.header import LedgerHeader, LedgerPhase, decode_header
from bulkput.ledger.header_file import HEADER_NAME
from bulkput.ledger.mirror_record import MirrorRecord, write_mirror_record
from bulkput.ledger.segments import Segment, TableSegments
from bulkput.ledger.state_file import read_state_file
from bulkput.model.clock import Clock
from bulkput.model.errors import BulkputError, InUseError, TemporaryError
from bulkput.store.cut import (
    CUT_MAX_BYTES,
    Cut,
    KeptSegment,
    cut_key,
    decode_cut,
    encode_cut,
    segment_key,
)
from bulkput.store.lease import NOBODY_S, words
from bulkput.store.object_store import ABSENT, ConditionFailedError, ObjectStore
from bulkput.store.scan import ChangeFinder, kept_form

T = TypeVar("T")

_OPEN = frozenset({LedgerPhase.STARTING, LedgerPhase.UPLOADING})


class LostError(InUseError):
    """Another host has the upload now."""


class RunBlocking(Protocol):
    """Runs what blocks, in a thread that no block waits for."""

    async def run(self, work: Callable[[], T]) -> T:
        """Return what ``work`` returns."""
        ...


@dataclass(frozen=True)
class Held:
    """A cut that this run has written, and so the upload."""

    cut: Cut
    etag: str


@dataclass(frozen=True)
class _Seen:
    """The ledger's header at the beginning of a cut."""

    text: str
    header: LedgerHeader


class Mirror:
    """Writes the cuts of one upload, which it holds; one cut at a time."""

    def __init__(
        self,
        store: ObjectStore,
        folder: Path,
        held: Held,
        *,
        samples: str | None,
        workers: RunBlocking,
        clock: Clock,
    ) -> None:
        """Go on from a cut that this run has written.

        Args:
            store: Repeats what fails for a while.
            folder: Of the ledger.
            held: The cut.
            samples: Of the source.
            workers: For what blocks.
            clock: For people's times.
        """
        self._samples = samples
        self._store = store
        self._folder = folder
        self._held = held
        self._lease_s = held.cut.writer.lease_s
        self._workers = workers
        self._clock = clock
        self._finder = ChangeFinder(held.cut.segments)
        self._snapshot_id = _snapshot_of(held.cut)
        self._changed_ns = -1
        self._text: str | None = None
        self._replaced: list[KeptSegment] = []
        self._cutting = asyncio.Lock()
        self.cut_s: float | None = None
        """When the last cut was begun that the store has, monotonic."""
        self.counts = MirrorCounts()

    async def cut(self, *, release: bool = False) -> None:
        """Bring the store up to date; with ``release`` others may go on at once.

        Raises:
            LostError: another host has the upload.
            BulkputError: the store or the ledger could not be used; the former cut counts.
        """
        async with self._cutting:
            began_s = self._clock.monotonic_s()
            seen = await self._workers.run(self._read_header)
            is_done = seen is None or await self._keep_table(seen, is_last=release)
            if seen is not None and is_done:
                again = await self._workers.run(self._read_header)
                is_done = again is not None and _is_same(seen.header, again.header)
            cut = self._held.cut
            if seen is not None and is_done:
                pieces = dict(self._finder.kept)
                cut = replace(cut, ledger=seen.text, segments=pieces, samples=self._samples)
            await self._write(cut, NOBODY_S if release else self._lease_s)
            if is_done:
                self._text = None if seen is None else seen.text
                self.cut_s = began_s
            await self._remove_replaced()

    def _read_header(self) -> _Seen | None:
        try:
            content = read_state_file(self._folder / HEADER_NAME, CUT_MAX_BYTES)
            return _Seen(content.decode("ascii"), decode_header(content))
        except (FileNotFoundError, ValueError):
            return None  # not begun yet; a damaged one is the upload's to report

    async def _keep_table(self, seen: _Seen, *, is_last: bool) -> bool:
        """Store what changed in the table; False if it is not the one of this header."""
        header = seen.header
        if header.snapshot_id != self._snapshot_id:
            self._replaced += self._finder.kept.values()
            self._finder = ChangeFinder({})
            self._snapshot_id, self._changed_ns = header.snapshot_id, -1
        if header.snapshot_id is None:
            return True
        opened = partial(TableSegments, self._folder, header.snapshot_id, header.block_count)
        try:
            table = await self._workers.run(opened)
        except FileNotFoundError:
            return False
        with table:
            if not table.is_own:
                return False
            changed_ns = table.changed_ns
            # What was marked before the seal must all be there when the header says that it began.
            is_full = is_last or header.phase not in _OPEN
            if changed_ns != self._changed_ns or is_full or seen.text != self._text:
                found = self._finder.changed(table, is_full=is_full)
                while (segment := await self._workers.run(partial(next, found, None))) is not None:
                    await self._keep(segment)
            self._changed_ns = changed_ns
        return True

    async def _keep(self, segment: Segment) -> None:
        # The name says what is in it: where it is there already, this writes the same once more.
        key = segment_key(self._folder.name, kept_form(segment))
        await self._store.put(key, memoryview(segment.content), digest=segment.digest)
        self.counts.pieces += 1
        self.counts.bytes += len(segment.content)
        before = self._finder.note_kept(segment)
        if before is not None:
            self._replaced.append(before)

    async def _write(self, cut: Cut, lease_s: float) -> None:
        """Write the object in the place of the one that is known."""
        writer = replace(cut.writer, written_unix_s=self._clock.unix_s(), lease_s=lease_s)
        cut = replace(cut, sequence=cut.sequence + 1, writer=writer)
        record = MirrorRecord(writer.writer_id, cut.sequence)
        await self._workers.run(partial(write_mirror_record, self._folder, record))
        try:
            self._held = await write_cut(self._store, self._folder, cut, self._held.etag)
        except RemovedError:  # its pieces may be gone too: all of it is written anew
            self._held = Held(replace(cut, segments={}), ABSENT)
            self._finder, self._changed_ns = ChangeFinder({}), -1
            raise TemporaryError(
                f"{self._store.shown}/{cut_key(self._folder.name)} was removed"
            ) from None
        self.counts.cuts += 1

    async def _remove_replaced(self) -> None:
        """Remove pieces that no cut lists any more.

        Another host that has just read the former cut may miss one: then it reads the cut anew.
        """
        listed = {(each.number, each.sha256) for each in self._held.cut.segments.values()}
        while self._replaced:
            each = self._replaced.pop()
            if (each.number, each.sha256) not in listed:
                with suppress(BulkputError):  # `store prune` finds it
                    await self._store.delete(segment_key(self._folder.name, each))


@dataclass
class MirrorCounts:
    """What a mirror has cost so far."""

    cuts: int = 0
    pieces: int = 0
    bytes: int = 0

    def __str__(self) -> str:
        return f"{self.cuts} cuts, {self.pieces} pieces of {self.bytes:,} bytes"


class RemovedError(Exception):
    """Somebody has removed the cut that was to be replaced."""


async def write_cut(store: ObjectStore, folder: Path, cut: Cut, if_match: str) -> Held:
    """Write ``cut`` in the place of the object with the ETag ``if_match``.

    An attempt that seemed to fail may have written it: then what is found is this very cut.

    Raises:
        LostError: another run has written meanwhile.
        RemovedError: there is nothing to replace.
        BulkputError: it could not be written.
    """
    content, key = encode_cut(cut), cut_key(folder.name)
    for _ in range(2):
        try:
            return Held(cut, await store.put(key, memoryview(content), if_match=if_match))
        except ConditionFailedError:
            found = await store.get(key, size_max_bytes=CUT_MAX_BYTES)
        if found is None:
            raise RemovedError(key)
        if found.content == content:
            return Held(cut, found.etag)
        other = _decoded(found.content)
        if other is None or other.writer.writer_id != cut.writer.writer_id:
            raise lost(store, folder, other)
        if_match = found.etag  # an attempt of ours that was given up came late
    raise lost(store, folder, None)


def lost(store: ObjectStore, folder: Path, other: Cut | None) -> LostError:
    """Return the error of a run whose upload another one has taken."""
    who = "another run" if other is None else words(other.writer)
    return LostError(
        folder,
        f"this upload was taken over: by {store.shown}, {who} works on it. This run stops; what it "
        "has put is put again there where that is not known",
    )


def _decoded(content: bytes) -> Cut | None:
    try:
        return decode_cut(content)
    except ValueError:
        return None


def _snapshot_of(cut: Cut) -> str | None:
    try:
        header = cut.header()
    except ValueError:
        return None
    return None if header is None else header.snapshot_id


def _is_same(first: LedgerHeader, second: LedgerHeader) -> bool:
    """Return whether the table was not begun anew in between, which the header is before it is."""
    return (first.attempt, first.nonce, first.snapshot_id) == (
        second.attempt,
        second.nonce,
        second.snapshot_id,
    )
