"""All snapshots of the emulated account on disk: a record each, and the layers they share.

Owns the root folder, its lock and what is deleted when. Knows nothing of requests or limits.

``records/<id>.json`` is replaced atomically; ``layers/<id>/`` holds one snapshot's own blocks. A
layer is made before the record that names it and removed after the last such record has gone, so
whatever moment the process dies at, a start finds records with all their layers, and removes
layers without a record. A deleted snapshot's record stays, because its ClientToken still answers.
"""

import dataclasses
import fcntl
import json
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from bulkput.emulator.geometry import BLOCKS_PER_GIB
from bulkput.emulator.layer import Layer
from bulkput.emulator.layer_files import OpenLayers
from bulkput.emulator.snapshot import Record, Snapshot

_TOKEN_KEY_BYTES = 32


SERVED_ELSEWHERE = "is served by another emulator"


class StoreError(Exception):
    """The root folder is in use or cannot be what it should be."""


def require_private(folder: Path) -> None:
    """See that nobody else can put files, or links, where disks are kept.

    Raises:
        StoreError: somebody can.
    """
    for status in (folder.lstat(), folder.stat()):  # of a link that leads there too
        if status.st_uid != os.geteuid():
            raise StoreError(f"{folder} belongs to user id {status.st_uid}: name another --root")
    if folder.stat().st_mode & stat.S_IWOTH:
        raise StoreError(f"{folder} is open to all users for writing: name another --root")


class Store:
    """The snapshots under one root folder, which nobody else may serve at the same time."""

    def __init__(self, root: Path) -> None:
        """Open or make the root.

        Raises:
            StoreError: another emulator serves this folder, or others can write to it.
            OSError: it cannot be made or read.
        """
        self._records_folder = root / "records"
        self._layers_folder = root / "layers"
        for folder in (root, self._records_folder, self._layers_folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            require_private(folder)
        self._lock_fd = os.open(root / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock_fd)
            raise StoreError(f"{root} {SERVED_ELSEWHERE}") from error
        self.token_key = self._load_token_key(root / "token-key")
        """Makes page and block tokens of this root hold across restarts."""
        self._layers: dict[str, Layer] = {}
        self._layers_open = OpenLayers()
        self._snapshots: dict[str, Snapshot] = {}
        self._by_client_token: dict[tuple[str, str], str] = {}
        for path in sorted(self._records_folder.glob("*.json")):
            self._keep(Record.from_json(json.loads(path.read_text("utf-8"))))
        self._remove_unused_layers()

    def __iter__(self) -> Iterator[Snapshot]:
        """Give the snapshots, oldest first, the deleted ones too."""
        return iter(self._snapshots.values())

    def get(self, snapshot_id: str) -> Snapshot | None:
        """Return the snapshot, deleted ones included, or None if it never was."""
        return self._snapshots.get(snapshot_id)

    def by_client_token(self, client_token: str, region: str) -> Snapshot | None:
        """Return the snapshot that was started with the token in a Region."""
        tokens = self._by_client_token
        snapshot_id = tokens.get((region, client_token)) or tokens.get(("", client_token))
        return None if snapshot_id is None else self._snapshots[snapshot_id]

    def new_id(self) -> str:
        """Return an id that no snapshot ever had: ``snap-`` and 17 hex digits."""
        while True:
            snapshot_id = f"snap-0{secrets.token_hex(8)}"
            if snapshot_id not in self._snapshots:
                return snapshot_id

    def add(self, record: Record) -> Snapshot:
        """Make the snapshot's own layer, then its record."""
        own = record.layer_ids[0]
        block_count = record.volume_size_gib * BLOCKS_PER_GIB
        self._layers[own] = Layer.create(self._layers_folder / own, block_count, self._layers_open)
        self._save(record)
        return self._keep(record)

    def replace(self, record: Record) -> None:
        """Put a changed record in the place of the old one."""
        self._save(record)
        self._snapshots[record.snapshot_id].record = record

    def delete(self, snapshot_id: str) -> None:
        """Forget the snapshot; blocks go unless a child still shows them."""
        snapshot = self._snapshots[snapshot_id]
        self.replace(dataclasses.replace(snapshot.record, deleted=True))
        snapshot.layers = ()
        self._remove_unused_layers()

    def close(self) -> None:
        """Give files and lock back."""
        for layer in self._layers.values():
            layer.close()
        self._layers.clear()
        os.close(self._lock_fd)

    def _keep(self, record: Record) -> Snapshot:
        layers = () if record.deleted else tuple(self._layer(name) for name in record.layer_ids)
        snapshot = Snapshot(record, layers)
        self._snapshots[record.snapshot_id] = snapshot
        if record.client_token is not None:
            self._by_client_token[record.region, record.client_token] = record.snapshot_id
        return snapshot

    def _layer(self, name: str) -> Layer:
        if name not in self._layers:
            self._layers[name] = Layer.open(self._layers_folder / name, self._layers_open)
        return self._layers[name]

    def _save(self, record: Record) -> None:
        path = self._records_folder / f"{record.snapshot_id}.json"
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(dataclasses.asdict(record)), "utf-8")
        fresh.replace(path)

    def _remove_unused_layers(self) -> None:
        used = {
            name
            for snapshot in self._snapshots.values()
            if not snapshot.record.deleted
            for name in snapshot.record.layer_ids
        }
        for folder in self._layers_folder.iterdir():
            if folder.name not in used:
                layer = self._layers.pop(folder.name, None)
                if layer is not None:
                    layer.close()
                shutil.rmtree(folder)

    @staticmethod
    def _load_token_key(path: Path) -> bytes:
        if path.exists() and path.stat().st_size == _TOKEN_KEY_BYTES:
            return path.read_bytes()
        key = secrets.token_bytes(_TOKEN_KEY_BYTES)
        fresh = path.with_suffix(".new")
        fresh.write_bytes(key)
        fresh.chmod(0o600)
        fresh.replace(path)
        return key
