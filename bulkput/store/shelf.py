"""Whole files of the state folder in the store: manifests, series, records of jobs and of copies.

A file is fetched before it is needed, where the store's is newer or there is none here, and kept
after it was written. Each is replaced as a whole on both sides, and each tells by its own content
whether it is sound. A store that fails costs that another machine does not know of it.
"""

import hashlib
import mmap
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bulkput.ledger.folder import ensure_folder
from bulkput.ledger.header_schema import OtherVersionError
from bulkput.ledger.state_file import (
    create_in,
    open_state_file,
    opened_folder,
    put_in_place,
    read_state_file,
    replace_file,
)
from bulkput.ledger.storage import storage_error, write_all
from bulkput.model.errors import BulkputError, LedgerError
from bulkput.store.mirror import RunBlocking
from bulkput.store.object_store import ObjectStore

SMALL_MAX_BYTES = 64 << 20
"""Of a file that is read as one: the record of a job of 100,000 volumes."""

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,200}")

PART_BYTES = 8 << 20
"""Of a manifest, 64 MiB a TiB, at a time."""

Newer = Callable[[bytes | None, bytes], bool]
"""Whether the second content, the store's, is to replace the first; None is no file. A
``ValueError`` where the store's is damaged."""

Warn = Callable[[str], None]
"""Warns the user at once."""


class ForeignFileError(LedgerError):
    """Another version of bulkput has written a file in the store: it is not to be replaced."""


class _DamagedError(Exception):
    """A file in the store is none."""


@dataclass
class Shelf:
    """The files of one state folder. Mutable: warns once of a store that fails."""

    store: ObjectStore
    state_dir: Path
    workers: RunBlocking
    warn: Warn
    _is_warned: bool = field(default=False, init=False)

    async def fetch(self, name: str, is_newer: Newer) -> None:
        """Bring one small file up to date, if the store has a newer one.

        Args:
            name: Its path below the state folder, and its key.
            is_newer: Decides between what is here and what the store has.

        Raises:
            ForeignFileError: the store's is of another version.
        """
        with self._tolerant(name):
            found = await self.store.get(name, size_max_bytes=SMALL_MAX_BYTES)
            if found is not None:
                await self.workers.run(partial(self._take, name, found.content, is_newer))

    async def fetch_all(self, folder: str, is_newer: Newer) -> None:
        """Do as ``fetch`` for all files of a folder."""
        with self._tolerant(folder):
            async for each in self.store.list_objects(f"{folder}/"):
                # A key of others may lead out of the folder.
                if _NAME.fullmatch(each.key.removeprefix(f"{folder}/")):
                    await self.fetch(each.key, is_newer)

    async def fetch_large(self, name: str) -> None:
        """Bring a file that never changes, if there is none here; in parts."""
        path = self.state_dir / name
        if path.exists():
            return
        with self._tolerant(name):
            part = await self.store.get_part(name, 0, PART_BYTES, None)
            if part is None:
                return
            await self.workers.run(partial(ensure_folder, path.parent))
            new_path = path.with_name(f"{path.name}.fetched")
            descriptor = await self.workers.run(partial(_created, new_path))
            try:
                at, etag = 0, part.etag
                while part is not None and part.content:
                    await self.workers.run(partial(write_all, descriptor, part.content, at))
                    at += len(part.content)
                    part = await self.store.get_part(name, at, at + PART_BYTES, etag)
                await self.workers.run(partial(_finish, descriptor, new_path, path))
            finally:
                os.close(descriptor)

    async def keep(self, names: Iterable[str]) -> None:
        """Write files as they are now to the store; those that are not here are passed over."""
        for name in names:
            with self._tolerant(name):
                await self._keep(self.state_dir / name, name)

    async def _keep(self, path: Path, name: str) -> None:
        try:
            descriptor = await self.workers.run(partial(open_state_file, path, os.O_RDONLY))
        except FileNotFoundError:
            return
        try:
            if not os.fstat(descriptor).st_size:
                return
            with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as content:
                view = memoryview(content)
                try:
                    digest = await self.workers.run(lambda: hashlib.sha256(view).digest())
                    await self.store.put(name, view, digest=digest)
                finally:
                    view.release()
        finally:
            os.close(descriptor)

    def _take(self, name: str, content: bytes, is_newer: Newer) -> None:
        path = self.state_dir / name
        try:
            here: bytes | None = read_state_file(path, SMALL_MAX_BYTES)
        except (FileNotFoundError, NotADirectoryError):
            here = None
        try:
            takes = is_newer(here, content)
        except OtherVersionError as error:
            advice = "Use the bulkput that wrote it, or another state_store"
            raise ForeignFileError(path, f"{self.store.shown} has {error}. {advice}") from None
        except ValueError as error:
            raise _DamagedError(str(error)) from None
        if takes:
            for folder in (path.parent.parent, path.parent):
                if folder != self.state_dir:
                    ensure_folder(folder)
            replace_file(path, content)

    def _tolerant(self, name: str) -> "_Tolerant":
        return _Tolerant(self, name)

    def note_failure(self, name: str, error: Exception) -> None:
        """Warn of the first failure."""
        if not self._is_warned:
            self._is_warned = True
            self.warn(f"{self.store.shown}/{name} cannot be used for now: {error}")


class _Tolerant:
    """Lets nothing of the store end what it is a help to."""

    def __init__(self, shelf: Shelf, name: str) -> None:
        self._shelf = shelf
        self._name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, ForeignFileError):
            return False
        if isinstance(error, BulkputError | OSError | _DamagedError):
            self._shelf.note_failure(self._name, error)
            return True
        return False


def _created(path: Path) -> int:
    try:
        with opened_folder(path.parent) as folder:
            return create_in(folder, path)
    except OSError as error:
        raise storage_error(path, "create the file", error) from error


def _finish(descriptor: int, new_path: Path, path: Path) -> None:
    try:
        os.fsync(descriptor)
        with opened_folder(path.parent) as folder:
            put_in_place(folder, new_path, path)
    except OSError as error:
        raise storage_error(path, "write the file", error) from error
