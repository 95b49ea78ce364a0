"""Ledgers of any size, without an upload."""

import hashlib
from pathlib import Path

from bulkput.ledger.folder import ensure_folder
from bulkput.ledger.header import LedgerHeader
from bulkput.ledger.ledger import Ledger
from bulkput.model.block import BLOCK_SIZE_BYTES, BLOCKS_PER_GIB
from bulkput.model.zeros import ZeroPolicy

SNAPSHOT_ID = "snap-033d116c0448c309d"


def make_header(block_count: int = 2048, **facts) -> LedgerHeader:
    return LedgerHeader(
        **{
            "client_token": "bulkput-1-aa",
            "attempt": 1,
            "nonce": "aa",
            "source_path": "/images/disk.raw",
            "source_identity": {"kind": "file", "inode": 7, "mtime_ns": 1},
            "size_bytes": block_count * BLOCK_SIZE_BYTES,
            "block_count": block_count,
            "volume_size_gib": -(-block_count // BLOCKS_PER_GIB),
            "zero_policy": ZeroPolicy.SKIP,
            "encrypted": False,
            "region": "eu-west-1",
            "endpoint_url": None,
            "created_unix_s": 1.5,
            "updated_unix_s": 1.5,
            "program_version": "0.1.0",
        }
        | facts
    )


def start(folder: Path, block_count: int = 2048, snapshot_id: str = SNAPSHOT_ID) -> Ledger:
    ensure_folder(folder)
    ledger = Ledger.create(folder, make_header(block_count))
    bind(ledger, snapshot_id)
    return ledger


def bind(ledger: Ledger, snapshot_id: str = SNAPSHOT_ID, *, holds_unknown: bool = False) -> None:
    ledger.bind(
        snapshot_id,
        zero_policy=ZeroPolicy.SKIP,
        encrypted=False,
        now_unix_s=2.0,
        holds_unknown=holds_unknown,
    )


def crash(ledger: Ledger) -> None:
    """Do what the kernel does to a killed process: close its files, and nothing else."""
    if ledger._table is not None:
        ledger._table.close()
    ledger._lock.close()


def digest_of(text: object) -> bytes:
    return hashlib.sha256(str(text).encode()).digest()
