"""What a state store holds, of all hosts: listed, checked, cleared up, and taken to be given up."""

import hashlib
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bulkput.jobs.session.state_store import StateStore
from bulkput.jobs.state.uploads import Entry, Unfinished
from bulkput.ledger.folder import ensure_folder, ensure_state_dir
from bulkput.ledger.header import LedgerHeader
from bulkput.ledger.lock import Holder
from bulkput.ledger.marks import Counts
from bulkput.ledger.segments import SEGMENT_SIZE_BYTES
from bulkput.model.clock import Clock
from bulkput.store.address import store_address
from bulkput.store.cut import (
    CUT_MAX_BYTES,
    CUT_NAME,
    UPLOADS,
    Cut,
    CutFormatError,
    Writer,
    cut_key,
    decode_cut,
    is_folder_name,
    segment_key,
)
from bulkput.store.lease import held_for_s, lease_s, words
from bulkput.store.object_store import ObjectStore
from bulkput.store.take_up import TakeUp


@dataclass(frozen=True)
class StoredUpload:
    """One upload as the store has it."""

    name: str
    """Of its folder."""
    cut: Cut | None
    """None if it cannot be read; ``problem`` says why."""
    header: LedgerHeader | None
    age_s: float
    """Since the last cut was written."""
    held_s: float
    """For how long its writer holds it yet."""
    problem: str | None = None
    is_foreign: bool = False
    """It is sound, and of another version of bulkput: not ours to remove."""

    @property
    def entry(self) -> Entry:
        """The same as a state folder's."""
        return Entry(Path(self.name), self.header, self.problem)

    @property
    def condition(self) -> str | None:
        """Why there is no ledger's header, in a word or two; None where there is one."""
        if self.header is not None:
            return None
        if self.problem is None:
            return "not-begun"
        return "other-version" if self.is_foreign else "damaged"

    @property
    def is_over(self) -> bool:
        """Whether nothing of it is left to do or to report."""
        return self.header is not None and self.header.is_over(wait=True)

    @property
    def unfinished(self) -> Unfinished:
        """The same as a state folder's, with the counts of the last cut."""
        counts, holder = None, None
        if self.cut is not None and self.header is not None and self.header.snapshot_id:
            pieces = self.cut.segments.values()
            put, unchanged = self.cut.acknowledged_blocks, sum(each.unchanged for each in pieces)
            skipped = self.cut.settled_blocks - put - unchanged
            unknown = self.header.block_count - self.cut.settled_blocks
            counts = Counts(unknown, 0, put, skipped, unchanged, 0)
        if self.cut is not None and self.held_s > 0:
            holder = Holder(self.cut.writer.process_id, self.cut.writer.host)
        return Unfinished(self.entry, counts, holder, self.problem)

    @property
    def who(self) -> str:
        """Who wrote it last, and since when that run lasts."""
        return "?" if self.cut is None else words(self.cut.writer)

    def as_dict(self, now_unix_s: float) -> dict[str, Any]:
        """Return the documented JSON object."""
        facts = self.unfinished.as_dict(now_unix_s)
        return facts | {
            "phase": self.condition or facts["phase"],
            "host": None if self.cut is None else self.cut.writer.host,
            "updated_s_ago": round(self.age_s, 3),
            "is_over": self.is_over,
        }


def shown_address(text: str) -> str:
    """Return the address of a store as the tags of its snapshots have it."""
    return store_address(text).shown


async def read_stored(store: ObjectStore, now_unix_s: float) -> list[StoredUpload]:
    """Return all uploads in the store, by name.

    Raises:
        BulkputError: the store cannot be read.
    """
    found = []
    async for each in store.list_objects(f"{UPLOADS}/"):
        folder, _, name = each.key.removeprefix(f"{UPLOADS}/").partition("/")
        if name == CUT_NAME and is_folder_name(folder):
            stored = await store.get(each.key, size_max_bytes=CUT_MAX_BYTES)
            if stored is not None:
                found.append(_upload(folder, stored.content, stored.age_s or 0.0, now_unix_s))
    return found


async def read_stored_upload(
    store: ObjectStore, name: str, now_unix_s: float
) -> StoredUpload | None:
    """Return the upload whose folder has this name; None if the store has none.

    Raises:
        BulkputError: the store cannot be read.
    """
    stored = await store.get(cut_key(name), size_max_bytes=CUT_MAX_BYTES)
    if stored is None:
        return None
    return _upload(name, stored.content, stored.age_s or 0.0, now_unix_s)


def _upload(name: str, content: bytes, age_s: float, now_unix_s: float) -> StoredUpload:
    cut = None
    try:
        cut = decode_cut(content)
        header = cut.header()
    except ValueError as error:
        # A header that a sound cut has was written so.
        is_foreign = cut is not None or isinstance(error, CutFormatError)
        problem = f"{name}: {error}"
        return StoredUpload(name, cut, None, age_s, 0.0, problem, is_foreign=is_foreign)
    return StoredUpload(name, cut, header, age_s, held_for_s(cut.writer, age_s, now_unix_s))


async def damaged_pieces(store: ObjectStore, upload: StoredUpload) -> list[str]:
    """Return what is wrong with an upload in the store, a sentence each; reads all of it.

    Raises:
        BulkputError: the store cannot be read.
    """
    if upload.cut is None or upload.problem is not None:
        return [upload.problem or f"{upload.name}: cannot be read"]
    problems = []
    for each in upload.cut.segments.values():
        key = segment_key(upload.name, each)
        stored = await store.get(key, size_max_bytes=SEGMENT_SIZE_BYTES)
        if stored is None:
            problems.append(f"{key} is missing: another machine puts its blocks again")
        elif hashlib.sha256(stored.content).hexdigest() != each.sha256:
            problems.append(f"{key} is damaged: another machine puts its blocks again")
    return problems


async def prunable(
    store: ObjectStore, older_than_s: float, now_unix_s: float
) -> AsyncIterator[tuple[str, str]]:
    """Yield the keys of what nobody needs any more, and why.

    Uploads that are over, have not begun or cannot be read, if their last update is older; pieces
    that no cut lists, if they are older. What is unfinished stays: ``bulkput abort`` gives it up.
    So does what another version of bulkput wrote.

    Raises:
        BulkputError: the store cannot be read.
    """
    uploads = {each.name: each for each in await read_stored(store, now_unix_s)}
    listed = {
        name: _listed(name, each.cut) for name, each in uploads.items() if each.cut is not None
    }
    async for each in store.list_objects(f"{UPLOADS}/"):
        name, _, _ = each.key.removeprefix(f"{UPLOADS}/").partition("/")
        upload = uploads.get(name)
        if each.age_s is None or each.age_s < older_than_s:
            continue
        if upload is None:
            yield each.key, "of no upload"
        elif upload.is_foreign:
            continue
        elif upload.age_s >= older_than_s and (reason := _why_prunable(upload)) is not None:
            yield each.key, reason
        elif name in listed and each.key not in listed[name]:
            yield each.key, "a piece that no cut has"


def _why_prunable(upload: StoredUpload) -> str | None:
    if upload.is_over:
        return "of an upload that is over"
    reasons = {
        "not-begun": "of an upload that was not begun",
        "damaged": "of an upload that cannot be read",
    }
    return reasons.get(upload.condition or "")


def _listed(name: str, cut: Cut) -> set[str]:
    """Return the keys of what an upload has in the store: its cut, and what that lists."""
    return {segment_key(name, each) for each in cut.segments.values()} | {cut_key(name)}


async def take_to_give_up(
    store: StateStore, state_dir: Path, wanted: str, note: Callable[[str], None], clock: Clock
) -> Path | None:
    """Hold an upload in the store, and have its ledger in the state folder; None if there is none.

    Args:
        store: Where.
        state_dir: The state folder.
        wanted: A volume, a snapshot or the name of a folder.
        note: Tells the user who had it.
        clock: For waits.

    Raises:
        LedgerError: another host works on it.
        BulkputError: the store cannot be used.
    """
    found = [
        each
        for each in await read_stored(store.objects, clock.unix_s())
        if wanted in {each.name, each.entry.volume, each.entry.snapshot_id} and not each.is_over
    ]
    if len(found) != 1:
        return None
    folder = state_dir / found[0].name
    ensure_state_dir(state_dir)
    ensure_folder(folder)
    now_s = clock.unix_s()
    writer = Writer(
        writer_id=secrets.token_hex(16),
        host=socket.gethostname(),
        process_id=os.getpid(),
        since_unix_s=now_s,
        written_unix_s=now_s,
        lease_s=lease_s(store.interval_s),
    )
    take_up = TakeUp(
        store.objects,
        folder,
        writer,
        adapt=lambda header, _: header,
        note=note,
        workers=store.workers,
        clock=clock,
    )
    await take_up.take()
    return folder


async def remove_stored(store: ObjectStore, name: str) -> None:
    """Remove an upload from the store, its cut last: until then it can be held.

    Raises:
        BulkputError: the store cannot be used.
    """
    keys = [each.key async for each in store.list_objects(f"{UPLOADS}/{name}/")]
    for key in sorted(keys, key=partial(_is_cut)):
        await store.delete(key)


def _is_cut(key: str) -> bool:
    return key.endswith(f"/{CUT_NAME}")
